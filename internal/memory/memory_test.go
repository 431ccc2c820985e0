package memory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

const plainAnswer = `{"content":[{"type":"text","text":"fine"}]}`

var (
	at          = time.Date(2026, 11, 22, 15, 0, 0, 0, time.UTC)
	testScanner = wire.NewScanner(mcp.Vocabulary(), 0)
)

// TestMemoryBounds fills memories beyond their bounds.
func TestMemoryBounds(t *testing.T) {
	m := &Memory{entries: 50, bytes: 20_000}
	nothing := func(*Call, int64) {}
	for i := range 500 {
		arguments := fmt.Appendf(nil, `{"i":%d,"pad":%q}`, i, strings.Repeat("x", i*37%3000))
		e := Remember("t", arguments, []byte(plainAnswer), at)
		e.Key, e.Result, e.Revision = KeyOf("t", arguments, nil), []byte(plainAnswer), mcp.Latest().Name
		m.Add(e, 0, nothing)
		size := 0
		for _, kept := range m.kept {
			size += kept.size()
		}
		if m.size != size || size > m.bytes || len(m.kept) > m.entries || len(m.answers) > len(m.kept) {
			t.Fatalf("after %d: %d entries, %d answers, %d bytes, said to be %d", i, len(m.kept), len(m.answers), size, m.size)
		}
	}
	before := m.last
	big := Remember("t", nil, []byte(`{"content":[{"type":"text","text":"x"}]}`), at)
	big.Key, big.Result = "k", make([]byte, 30_000)
	m.Add(big, 0, func(*Call, int64) { t.Error("what is larger than the memory is kept") })
	if m.last != before || len(m.kept) == 0 {
		t.Error("what is larger than the memory empties it")
	}
	wide := &Memory{entries: 100, bytes: 1 << 20}
	for range 100 {
		wide.Add(Remember("t", nil, []byte(`{"content":[{"type":"text","text":"`+strings.Repeat("y", 5000)+`"}]}`), at), 0, nothing)
	}
	offered, err := json.Marshal(wide.Offers())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(offered); n > offeredBytes+100*100 || n < offeredBytes/2 {
		t.Errorf("%d bytes are offered", n)
	}
}

// TestCanonical takes for equal what is equal, and nothing else.
func TestCanonical(t *testing.T) {
	equal := [][]string{
		{`0`, `-0`, `0.0`, `0e5`, `-0.00E-3`},
		{`1`, `1.0`, `10e-1`, `0.1e1`, `0.01E+2`},
		{`-120`, `-1.2e2`, `-12e1`, `-120.00`},
		{`"é"`, `"\u00e9"`},
		{`"/"`, `"\/"`, `"\u002f"`},
		{`{"a":1,"b":{"c":[],"d":null}}`, `{"b" : {"d":null,"c":[ ]},"a":1.0}`},
		{`{"\u0061":1}`, `{"a":1}`},
		{`[1,2]`, `[ 1 , 2.0 ]`},
		{`12`},
		{`1.2`},
		{`100`},
		{`[2,1]`},
		{`"1"`},
		{`true`},
		{`false`},
		{`null`},
		{`[]`},
		{`{}`},
		{`[[1],2]`},
		{`[[1,2]]`},
		{`18446744073709551616`},
		{`18446744073709551617`},
		{`0.1`},
		{`0.10000000000000000001`},
		{`"a,b"`},
		{`["a","b"]`},
	}
	seen := map[string]int{}
	for i, class := range equal {
		for _, value := range class {
			got := string(appendCanonical(nil, []byte(value)))
			if j, ok := seen[got]; ok && j != i {
				t.Errorf("%s is taken for equal to %v", value, equal[j])
			} else if !ok && value != class[0] {
				t.Errorf("%s is not taken for equal to %s: %s", value, class[0], got)
			}
			seen[got] = i
		}
	}
}

// FuzzCanonical wants a form that does not change when it is spelled anew by another encoder.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{`{"b":1.50,"a":["é",-0,1e400]}`, `"\ud83d\ude00"`, `0.00001`, `123456789012345678901234567890`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if testScanner.Value(value) != nil {
			return
		}
		value = bytes.TrimSpace(value)
		was := string(appendCanonical(nil, value))
		d := json.NewDecoder(bytes.NewReader(value))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			t.Skip("the decoder does not take it")
		}
		again, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(appendCanonical(nil, again)); got != was {
			t.Errorf("%s: %s, and as %s: %s", value, was, again, got)
		}
	})
}
