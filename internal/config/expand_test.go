package config

import (
	"os"
	"testing"
	"time"
)

// TestExpansion expands variables in texts; what they hold is never read as YAML.
func TestExpansion(t *testing.T) {
	tests := []struct{ text, want string }{
		{"${TOKEN}", "t0ken"},
		{"a${TOKEN}b${TOKEN}c", "at0kenbt0kenc"},
		{"${UNSET:-fallback}", "fallback"},
		{"${EMPTY:-fallback}", "fallback"},
		{"${UNSET:-}", ""},
		{"${TOKEN:-fallback}", "t0ken"},
		{"${TOKEN:?why}", "t0ken"},
		{"${EMPTY:-}", ""},
		{"$${TOKEN}", "${TOKEN}"},
		{"$$$${TOKEN}", "$${TOKEN}"},
		{"$$${TOKEN}", "$t0ken"},
		{"$TOKEN costs 5$", "$TOKEN costs 5$"},
		{"${YAML}", "{enabled: true}"},
		{"${LINES}", "a\nb"},
		{"${file:secret}", "from a file"},
		{"${UNSET:-http://x:1/}", "http://x:1/"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			t.Chdir(t.TempDir())
			files := map[string]string{
				"secret":   "from a file\n",
				"mcp.yaml": "servers: {a: {command: x, args: ['" + tt.text + "']}}",
			}
			for name, content := range files {
				if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			c, err := Load("", environment)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Servers[0].Args[0]; got != tt.want {
				t.Errorf("args[0] = %q, want %q", got, tt.want)
			}
		})
	}
}

// TestExpandedTypes gives numbers, booleans, durations and sizes by variables.
func TestExpandedTypes(t *testing.T) {
	c, err := loadText(t, "mcp.yaml", `
port: ${PORT}
anonymous: "${YES}"
limits: {bodyBytes: "${UNSET:-2MiB}"}
log: {level: "${UNSET:-debug}"}
servers: {a: {command: x, maxSessions: "${PORT}", idleStop: "${UNSET:-90s}"}}
`)
	if err != nil {
		t.Fatal(err)
	}
	s := c.Servers[0]
	if c.Port != 9090 || c.Listen != "127.0.0.1:9090" || !c.Anonymous || c.Limits.BodyBytes != 2<<20 || c.Log.Level != "debug" ||
		s.MaxSessions != 9090 || s.IdleStop != 90*time.Second {
		t.Errorf("config = %+v", c)
	}
}
