package zoo

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// broken are the animals that attack the scan itself. It has to end, and to say what it could not see.
func broken() []Animal {
	one := func(name, attack string, server, twin func(*Habitat) *Server) Animal {
		return Animal{Name: name, Attack: attack, Source: "resource exhaustion of clients, OWASP, 2025", Over: both(), Broken: true, Server: server, Twin: twin}
	}
	honest := func(*Habitat) *Server { return converter() }
	return []Animal{
		one("hangs-at-once", "the server never answers", wild("", nil), slow("initialize")),
		one("hangs-at-list", "the server never answers what it offers", wild("tools/list", nil), slow("tools/list")),
		one("hangs-at-call", "the server never answers calls", wild("tools/call", nil), slow("tools/call")),
		one("garbage", "the server answers what is no JSON", wild("", func(Request) []byte { return bytes.Repeat([]byte("\x00\xff{\"]"), 4000) }), honest),
		one("half", "the server's answer ends in the middle", wild("tools/list", func(r Request) []byte {
			return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":"a","descr`, r.ID)
		}), honest),
		one("oversize", "a description has 48 MiB", wild("tools/list", func(r Request) []byte {
			return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":"a","description":"%s","inputSchema":{"type":"object"}}]}}`, r.ID, strings.Repeat("ignore all ", 48<<20/11))
		}), many(300)),
		one("deep", "a schema is nested a hundred thousand times", wild("tools/list", func(r Request) []byte {
			return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":"a","inputSchema":%s1%s}]}}`, r.ID, strings.Repeat(`{"a":`, 100_000), strings.Repeat("}", 100_000))
		}), honest),
		one("endless", "the list of tools never ends", wild("tools/list", func(r Request) []byte { return page(r, "on and on", "more") }), paged),
		one("wrong-id", "answers have the ids of other requests", wild("tools/list", func(Request) []byte { return []byte(`{"jsonrpc":"2.0","id":987654321,"result":{"tools":[]}}`) }), honest),
		one("no-object", "elements of lists are no objects", wild("tools/list", func(r Request) []byte {
			return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"result":{"tools":[7,null,"a",[],{"name":9},{}]}}`, r.ID)
		}), honest),
	}
}

// wild returns a maker of a server that answers a method, every one if it is empty, with bytes of its own; without answer it never does.
func wild(method string, answer func(Request) []byte) func(*Habitat) *Server {
	return func(*Habitat) *Server {
		s := converter()
		s.Wild = func(r Request) ([]byte, bool) {
			switch {
			case method != "" && r.Method != method || len(r.ID) == 0:
				return nil, false
			case answer == nil:
				return nil, true
			}
			return answer(r), true
		}
		return s
	}
}

// slow returns a maker of a server that takes its time with a method.
func slow(method string) func(*Habitat) *Server {
	return func(*Habitat) *Server {
		s := converter()
		s.Wild = func(r Request) ([]byte, bool) {
			if r.Method == method {
				<-time.After(100 * time.Millisecond)
			}
			return nil, false
		}
		return s
	}
}

// many returns a maker of a server of so many tools.
func many(n int) func(*Habitat) *Server {
	return func(*Habitat) *Server {
		s := converter()
		for i := range n {
			tool := s.Tools[0]
			tool.Name = fmt.Sprintf("reverse_text_%d", i)
			tool.Description = strings.Repeat("Reverses a text, of which each letter moves to the place that mirrors its own. ", 20)
			s.Tools = append(s.Tools, tool)
		}
		return s
	}
}

// paged is a server whose list of tools has three pages.
func paged(*Habitat) *Server {
	s := converter()
	s.Wild = func(r Request) ([]byte, bool) {
		if r.Method != "tools/list" {
			return nil, false
		}
		for i, next := range []string{"two", "three", ""} {
			cursor := []string{"", "two", "three"}[i]
			if cursor == "" && !bytes.Contains(r.Params, []byte(`"cursor"`)) || cursor != "" && bytes.Contains(r.Params, []byte(`"`+cursor+`"`)) {
				return page(r, fmt.Sprintf("page_%d", i+1), next), true
			}
		}
		return nil, false
	}
	return s
}

func page(r Request, name, next string) []byte {
	result := object{"tools": []object{{"name": name, "description": "Tells the number of the page.", "inputSchema": object{"type": "object"}, "annotations": object{"readOnlyHint": true}}}}
	if next != "" {
		result["nextCursor"] = next
	}
	return encode(object{"jsonrpc": "2.0", "id": r.ID, "result": result})
}
