package engine

import "testing"

// TestEncryption wants no connection to another machine that falls back to sending in clear, unless that is asked for.
func TestEncryption(t *testing.T) {
	t.Setenv("PGSSLMODE", "prefer") // what the address says wins
	for address, want := range map[string]struct{ encrypted, verified, alsoClear bool }{
		"postgres://u@db.example.com/x":                    {true, true, false},
		"postgres://u@db.example.com/x?application_name=a": {true, true, false},
		"postgres://u@10.0.0.1,10.0.0.2/x":                 {true, true, false},
		"postgres://u@localhost,10.0.0.2/x":                {true, true, false},
		"postgres://u@db.example.com/x?sslmode=require":    {true, false, false},
		"postgres://u@db.example.com/x?sslmode=prefer":     {true, false, true},
		"postgres://u@db.example.com/x?sslmode=disable":    {false, false, false},
		"postgres://u@127.0.0.1/x":                         {true, false, true},
		"postgres://u@localhost/x":                         {true, false, true},
		"postgresql:///x?host=/var/run/postgresql":         {false, false, false},
	} {
		c, err := parsePostgres(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		encrypted, open := c.TLSConfig != nil, false
		for _, f := range c.Fallbacks {
			open = open || encrypted && f.TLSConfig == nil
		}
		verified := encrypted && !c.TLSConfig.InsecureSkipVerify && c.TLSConfig.ServerName != ""
		if encrypted != want.encrypted || verified != want.verified || open != want.alsoClear {
			t.Errorf("%s: encrypted %t, verified %t, falls back %t", address, encrypted, verified, open)
		}
	}
}
