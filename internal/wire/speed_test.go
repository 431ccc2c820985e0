package wire

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// smallCall is a request of 400 bytes, as clients of the modern era send it.
const smallCall = `{"jsonrpc":"2.0","id":42,"method":"tools/call","params":{"name":"files.read","arguments":{"path":` +
	`"/srv/data/report.txt","offset":0,"limit":4096,"encoding":"utf-8","follow":false},"_meta":{"progressToken":"p-1",` +
	`"io.modelcontextprotocol/protocolVersion":"next","io.modelcontextprotocol/clientInfo":{"name":"editor","version":"1.2.3"},` +
	`"io.modelcontextprotocol/clientCapabilities":{"roots":{}}}}}`

// callOf returns a call whose arguments are a list of records with short strings, about size bytes.
func callOf(size int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"jsonrpc":"2.0","id":42,"method":"tools/call","params":{"name":"db.insert","arguments":{"rows":[`)
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"title":"record number %d of the list","owner":"someone@example.org","open":true,"price":%d.50}`, i, i, i)
	}
	b.WriteString(`]}}}`)
	return b.Bytes()
}

// wide returns a call whose arguments have n members.
func wide(n int) []byte {
	return []byte(`{"jsonrpc":"2.0","id":1,"method":"m","params":{"name":"x","arguments":` + manyMembers(n) + `}}`)
}

func speedScanner() *Scanner {
	const prefix = "io.modelcontextprotocol/"
	return NewScanner(Vocabulary{
		Params: []string{"name", "arguments", "uri", "cursor", "requestState", "inputResponses"},
		Meta:   []string{"progressToken", prefix + "protocolVersion", prefix + "clientInfo", prefix + "clientCapabilities"},
	}, 0)
}

func TestNoAllocation(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector makes sync.Pool forget at random")
	}
	messages := map[string]string{
		"small":        smallCall,
		"16 KB":        string(callOf(16 << 10)),
		"100 members":  string(wide(100)),
		"escaped keys": `{"jsonrpc":"2.0","id":1,"method":"m","params":{"\u0061\n":1,"b\"":2,"_meta":{"\ud83d\ude00":1}}}`,
		"escaped keys of a large object": `{"jsonrpc":"2.0","id":1,"method":"m","params":` +
			strings.ReplaceAll(manyMembers(100), "key", `k\u0065y`) + `}`,
		"Korean": `{"jsonrpc":"2.0","id":1,"method":"m","params":{"이름":"수문","_meta":{"문":"門"}}}`,
	}
	s := speedScanner()
	for name, text := range messages {
		t.Run(name, func(t *testing.T) {
			var m Message
			data := []byte(text)
			for what, scan := range map[string]func() error{
				"Request": func() error { return s.Request(data, &m) },
				"Answer":  func() error { return s.Answer(data, &m) },
				"Value":   func() error { return s.Value(data) },
				"parts": func() error {
					if m.Member("absent").Ok() || m.Meta("absent").Ok() {
						return errors.New("found what is absent")
					}
					return nil
				},
				"walk": func() error {
					for key, value := range Members(data) {
						if len(key) == 0 || len(value) == 0 || Get(data, "absent") != nil {
							return errors.New("the walk is wrong")
						}
					}
					return nil
				},
			} {
				var err error
				if n := testing.AllocsPerRun(100, func() { err = scan() }); n != 0 || err != nil {
					t.Errorf("%s: %v allocations (%v)", what, n, err)
				}
			}
		})
	}
}

// TestHostile scans messages that are made to be slow. The limit is far above what they take, and far below what a
// quadratic scan would.
func TestHostile(t *testing.T) {
	key := func(i int) string { return fmt.Sprintf(`"%07x":0`, i*0x9E3779B1&0xFFFFFFF) }
	list := func(n int, one func(int) string) string {
		if raceDetector { // slows this tenfold
			n = max(n/10, few)
		}
		parts := make([]string, n)
		for i := range parts {
			parts[i] = one(i)
		}
		return strings.Join(parts, ",")
	}
	longKeys := func(prefix string, n int) string {
		return "{" + list(n, func(i int) string { return fmt.Sprintf(`"%s%08db":0`, prefix, i) }) + "}"
	}
	documents := map[string]string{
		"600,000 members":             "{" + list(600_000, key) + "}",
		"600,000 with the same marks": "{" + list(600_000, func(i int) string { return fmt.Sprintf(`"a%06db":0`, i) }) + "}",
		"200,000 objects":             "[" + list(200_000, func(int) string { return `{"a":{"b":{}},"c":{"d":0}}` }) + "]",
		"objects just above few":      "[" + list(50_000, func(int) string { return manyMembers(few + 1) }) + "]",
		"long keys that end alike":    longKeys(strings.Repeat("x", 500_000), few),
		"long escaped keys":           longKeys(strings.Repeat(`\u0061`, 80_000), few),
		"many long escaped keys":      longKeys(strings.Repeat(`\n`, 1000), 2000),
		"a key at every depth":        strings.Repeat(`{"a":1,"b":2,"c":`, 500) + "{" + list(100_000, key) + "}" + strings.Repeat("}", 500),
		"escapes":                     `"` + strings.Repeat(`\ud83d\ude00`, 300_000) + `"`,
		"beyond ASCII":                `"` + strings.Repeat("é", 2_000_000) + `"`,
		"brackets that do not close":  strings.Repeat("[", 4_000_000),
	}
	s := NewScanner(Vocabulary{}, 0)
	for name, text := range documents {
		start := time.Now()
		err := s.Value([]byte(text))
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: %v for %d bytes", name, took, len(text))
		}
		if valid := !strings.HasPrefix(name, "brackets"); (err == nil) != valid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if p, ok := s.passes.Get().(*pass); ok && cap(p.keys) > 4096 {
		t.Error("the scratch space of a hostile message is kept")
	}
}

func BenchmarkScan(b *testing.B) {
	s := speedScanner()
	for _, size := range []struct {
		name string
		data []byte
	}{{"400B", []byte(smallCall)}, {"16KB", callOf(16 << 10)}, {"1MiB", callOf(1 << 20)}, {"wide", wide(1000)}} {
		b.Run(size.name, func(b *testing.B) {
			b.SetBytes(int64(len(size.data)))
			b.ReportAllocs()
			var m Message
			for b.Loop() {
				if err := s.Request(size.data, &m); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(size.name+"/jsontext", func(b *testing.B) { // the yardstick: the same checks of JSON, nothing of JSON-RPC
			b.SetBytes(int64(len(size.data)))
			for b.Loop() {
				if !jsontext.Value(size.data).IsValid() {
					b.Fatal("not valid")
				}
			}
		})
	}
}
