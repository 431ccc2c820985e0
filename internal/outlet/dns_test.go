package outlet

import (
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func FuzzQuery(f *testing.F) {
	for _, name := range []string{"example.com.", "evil.example.", "a.b.example.org."} {
		for _, kind := range []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA, dnsmessage.TypePTR} {
			m := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}}}
			query, err := m.Pack()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(query)
		}
	}
	f.Add([]byte("\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, query []byte) {
		s, err := newServer(Options{Hosts: []string{"example.com", "*.example.org"}})
		if err != nil {
			t.Fatal(err)
		}
		reply := s.reply(query)
		if reply == nil {
			return
		}
		var m dnsmessage.Message
		if err := m.Unpack(reply); err != nil {
			t.Fatalf("the answer cannot be read: %v", err)
		}
		if !m.Response || m.ID != uint16(query[0])<<8|uint16(query[1]) {
			t.Errorf("the answer's head is %v", m.Header)
		}
		for _, a := range m.Answers {
			if body, ok := a.Body.(*dnsmessage.AResource); !ok || body.A[0] != 198 || !s.allowsName(lower(a.Header.Name)) {
				t.Errorf("the answer is %v", a)
			}
		}
	})
}

// TestNoQuery sends what is none, or none that is answered.
func TestNoQuery(t *testing.T) {
	s, err := newServer(Options{Hosts: []string{"example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	question := dnsmessage.Question{Name: dnsmessage.MustNewName("example.com."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	chaos := question
	chaos.Class = dnsmessage.ClassCHAOS
	tests := []struct {
		name  string
		query dnsmessage.Message
		want  dnsmessage.RCode
		none  bool
	}{
		{name: "an answer", query: dnsmessage.Message{Header: dnsmessage.Header{Response: true}, Questions: []dnsmessage.Question{question}}, none: true},
		{name: "no question", want: dnsmessage.RCodeFormatError},
		{name: "two questions", query: dnsmessage.Message{Questions: []dnsmessage.Question{question, question}}, want: dnsmessage.RCodeFormatError},
		{name: "another class", query: dnsmessage.Message{Questions: []dnsmessage.Question{chaos}}, want: dnsmessage.RCodeFormatError},
		{name: "an update", query: dnsmessage.Message{Header: dnsmessage.Header{OpCode: 5}, Questions: []dnsmessage.Question{question}}, want: dnsmessage.RCodeNotImplemented},
		{name: "a question", query: dnsmessage.Message{Questions: []dnsmessage.Question{question}}, want: dnsmessage.RCodeSuccess},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			query, err := tt.query.Pack()
			if err != nil {
				t.Fatal(err)
			}
			reply := s.reply(query)
			if tt.none || reply == nil {
				if !tt.none || reply != nil {
					t.Errorf("the answer is %x", reply)
				}
				return
			}
			var m dnsmessage.Message
			if err := m.Unpack(reply); err != nil || m.RCode != tt.want {
				t.Errorf("the answer is %v, %v; want %v", m.RCode, err, tt.want)
			}
		})
	}
	if reply := s.reply([]byte("short")); reply != nil {
		t.Errorf("bytes that are no query have the answer %x", reply)
	}
}
