package trust_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/trust"
)

// TestChecksum holds what Python 3.11 printed.
func TestChecksum(t *testing.T) {
	t.Parallel()
	for document, want := range map[string]string{
		`{"b":1,"a":[1,2.0,{"z":null,"y":true}]}`:                                                  `{"a": [1, 2.0, {"y": true, "z": null}], "b": 1}`,
		`{"한글":"🙂é\u007f\u2028/\/"}`:                                                               `{"\ud55c\uae00": "\ud83d\ude42\u00e9\u007f\u2028//"}`,
		`[1e5,1E16,1e-5,0.0001,-0.0,-0,1.10,18446744073709551616,1e400,-1e400,123456789012345678]`: `[100000.0, 1e+16, 1e-05, 0.0001, -0.0, 0, 1.1, 18446744073709551616, Infinity, -Infinity, 123456789012345678]`,
		`"\ud800 \udc00\ud83d\ude42"`:                                                              `"\ud800 \udc00\ud83d\ude42"`,
		`{"a":1,"a":2,"\u0061":3}`:                                                                 `{"a": 3}`,
		`{"\ud800":1,"\uffff":2,"\ud83d\ude42":3}`:                                                 `{"\ud800": 1, "\uffff": 2, "\ud83d\ude42": 3}`,
		" { } ":                    `{}`,
		"[ ]":                      `[]`,
		`""`:                       `""`,
		`"\n\r\t\b\f\u000b\u0000"`: `"\n\r\t\b\f\u000b\u0000"`,
	} {
		got, err := trust.AppendPython(nil, []byte(document))
		if err != nil || string(got) != want {
			t.Errorf("%s is written %s (%v), want %s", document, got, err, want)
		}
	}
	if sum, err := trust.Checksum([]byte(`{"a":1}`)); err != nil || sum != "f9d86028c6e0d64e225186f96acb69338b2c59764df79162107f5c4bb34d1310" {
		t.Errorf("checksum %s, %v", sum, err)
	}
}

// TestNotJSON refuses what Python would refuse.
func TestNotJSON(t *testing.T) {
	t.Parallel()
	for _, document := range []string{
		"", " ", "{", "[", `{"a"}`, `{"a":}`, `{"a":1,}`, "[1,]", "[1 2]", `"`, `"\x"`, `"\u12"`, "\"\x01\"", "\"\xff\"", "nul", "-", "1 2", "{1:2}",
		strings.Repeat("[", 600) + strings.Repeat("]", 600),
	} {
		if sum, err := trust.Checksum([]byte(document)); err == nil {
			t.Errorf("%q has the checksum %s", document, sum)
		}
	}
}

// TestPython compares 20,000 random documents with a real Python.
func TestPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed: random documents are not compared with it")
	}
	const documents = 20_000
	random := rand.New(rand.NewPCG(1, 2))
	var in bytes.Buffer
	texts := make([]string, documents)
	for i := range texts {
		texts[i] = document(random, 4)
		quoted, err := json.Marshal(texts[i])
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(quoted, '\n'))
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", `import json,sys,hashlib
for line in sys.stdin: print(hashlib.sha256(json.dumps(json.loads(json.loads(line)), sort_keys=True).encode()).hexdigest())`)
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for i, text := range texts {
		if !lines.Scan() {
			t.Fatalf("python says nothing of document %d", i)
		}
		got, err := trust.Checksum([]byte(text))
		if err != nil || got != lines.Text() {
			t.Fatalf("%s: %s (%v), python says %s", text, got, err, lines.Text())
		}
	}
}

// document returns a random JSON document.
func document(r *rand.Rand, depth int) string {
	kinds := 8
	if depth == 0 {
		kinds = 6
	}
	switch r.IntN(kinds) {
	case 0:
		return [...]string{"null", "true", "false"}[r.IntN(3)]
	case 1:
		return strconv.FormatInt(int64(r.Uint64())>>r.IntN(64), 10)
	case 2:
		return fmt.Sprintf("%d%d%d", 1+r.IntN(9), r.Uint64(), r.Uint64())
	case 3:
		return fmt.Sprintf("%.*e", r.IntN(20), (r.Float64()-0.5)*float64(uint64(1)<<r.IntN(63)))
	case 4:
		return fmt.Sprintf("%.*f", 1+r.IntN(20), (r.Float64()-0.5)*float64(uint64(1)<<r.IntN(63)))
	case 5:
		return text(r)
	case 6:
		var items []string
		for range r.IntN(4) {
			items = append(items, document(r, depth-1))
		}
		return "[" + strings.Join(items, " , ") + "]"
	default:
		var items []string
		for range r.IntN(5) {
			items = append(items, text(r)+": "+document(r, depth-1))
		}
		return "{" + strings.Join(items, ",\n") + "}"
	}
}

// text returns a random JSON string.
func text(r *rand.Rand) string {
	var b strings.Builder
	b.WriteByte('"')
	for range r.IntN(8) {
		switch r.IntN(6) {
		case 0:
			fmt.Fprintf(&b, `\u%04x`, r.IntN(0x10000))
		case 1:
			b.WriteString([...]string{`\n`, `\"`, `\\`, `\/`, `\t`, `\b`, `\f`, `\r`}[r.IntN(8)])
		case 2:
			b.WriteRune([...]rune{'한', '글', '🙂', 'é', '\u2028', '\ufeff', '\U0010ffff', 0x7f}[r.IntN(8)])
		default:
			b.WriteByte("abcXYZ019 {}[]:,"[r.IntN(16)])
		}
	}
	b.WriteByte('"')
	return b.String()
}

func FuzzChecksum(f *testing.F) {
	f.Add(`{"a":[1,2.5,"\ud83d\ude42",null]}`)
	f.Fuzz(func(t *testing.T, document string) {
		one, err := trust.AppendPython(nil, []byte(document))
		if err != nil {
			return
		}
		if bytes.ContainsAny(one, "IN") {
			return // Infinity is not JSON
		}
		two, err := trust.AppendPython(nil, one)
		if err != nil || !bytes.Equal(one, two) {
			t.Errorf("%q is written %q, and that %q (%v)", document, one, two, err)
		}
	})
}
