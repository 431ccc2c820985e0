package outlet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sumun-mcp/sumun/internal/sandbox/box"
)

// maxQuery is how long a query may be; a longer one is cut off and then no query.
const maxQuery = 1232

// lifetime is how long a program may remember an answer, in seconds. Addresses keep their meaning as long as the box is there.
const lifetime = 300

// answerNames answers queries until the socket is closed.
func (s *server) answerNames(ctx context.Context, conn net.PacketConn) error {
	buf := make([]byte, maxQuery)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return ended(ctx, fmt.Errorf("reading questions for names: %w", err))
		}
		if reply := s.reply(buf[:n]); reply != nil {
			_, _ = conn.WriteTo(reply, from) // who has gone gets no answer
		}
	}
}

// reply returns the answer to a query, or nil where there is none to give: what is no query gets none.
func (s *server) reply(query []byte) []byte {
	var p dnsmessage.Parser
	head, err := p.Start(query)
	if err != nil || head.Response {
		return nil
	}
	answer := dnsmessage.Header{ID: head.ID, Response: true, OpCode: head.OpCode, RecursionDesired: head.RecursionDesired, RecursionAvailable: true}
	asked, err := p.AllQuestions()
	switch {
	case head.OpCode != 0:
		answer.RCode = dnsmessage.RCodeNotImplemented
		return pack(answer, nil, netip.Addr{})
	case err != nil, len(asked) != 1, asked[0].Class != dnsmessage.ClassINET:
		answer.RCode = dnsmessage.RCodeFormatError
		return pack(answer, nil, netip.Addr{})
	}
	addr, code := s.lookup(asked[0])
	answer.RCode = code
	return pack(answer, &asked[0], addr)
}

// lookup answers one question: with an address, with none, or that there is no such name.
func (s *server) lookup(q dnsmessage.Question) (netip.Addr, dnsmessage.RCode) {
	name := lower(q.Name)
	switch {
	case s.sink != nil:
		if q.Type == dnsmessage.TypeA {
			s.sink(Visit{Name: printable(name), At: time.Now()})
		}
	case !s.allowsName(name):
		if q.Type != dnsmessage.TypePTR {
			s.refuse(box.KindName, printable(name))
		}
		return netip.Addr{}, dnsmessage.RCodeNameError
	}
	if q.Type != dnsmessage.TypeA {
		return netip.Addr{}, dnsmessage.RCodeSuccess
	}
	addr, ok := s.names.address(name)
	if !ok {
		s.refuse(box.KindLimit, fmt.Sprintf("more than %d names were asked for", maxNames))
		return netip.Addr{}, dnsmessage.RCodeRefused
	}
	return addr, dnsmessage.RCodeSuccess
}

// lower returns a name as it is compared.
func lower(name dnsmessage.Name) string {
	return strings.ToLower(strings.TrimSuffix(name.String(), "."))
}

// pack writes an answer; nil when it cannot be written, which no query that was read leads to.
func pack(head dnsmessage.Header, q *dnsmessage.Question, addr netip.Addr) []byte {
	m := dnsmessage.Message{Header: head}
	if q != nil {
		m.Questions = []dnsmessage.Question{*q}
	}
	if addr.IsValid() {
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: lifetime},
			Body:   &dnsmessage.AResource{A: addr.As4()},
		}}
	}
	out, err := m.Pack()
	if err != nil {
		return nil
	}
	return out
}

// printable is a name as people may read it: what is no letter, digit or mark of a name stands as \x and its number.
func printable(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if c > ' ' && c < 0x7f && c != '\\' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return b.String()
}
