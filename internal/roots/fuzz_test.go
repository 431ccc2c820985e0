package roots

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// FuzzParams reads any parameters: what is accepted lies within the bounds, and what is refused is refused as what it is.
func FuzzParams(f *testing.F) {
	for _, seed := range []string{
		`{"context":{"rootId":"r","path":"a/b","sampling":{"top-p":1}},"temperature":0.5,"feedback":"more creative"}`,
		`{"rootId":"r","ttl":"1h","memory":{"entries":3},"variables":{"x":{"y":[1,null]}}}`,
		`{"rootId":"r","ttl":60,"memory":true,"sampling":{"stop_sequences":["a"],"maxTokens":1e3}}`,
		`{"temperature":null,"top_k":1,"variables":{"\u0000":1}}`, `{"a\/b~":1}`, `[]`, `{}`,
	} {
		f.Add([]byte(seed))
	}
	h := open(f, newShelf(), Settings{TTL: testSettings.TTL, Max: 1 << 30, Entries: 8, Bytes: 1 << 16})
	methods := []string{
		mcp.MethodRootCreate, mcp.MethodRootGet, mcp.MethodRootClose, mcp.MethodSamplingUpdate, mcp.MethodSamplingGet, mcp.MethodRootList,
	}
	f.Fuzz(func(t *testing.T, params []byte) {
		if testScanner.Value(params) != nil || bytes.TrimSpace(params)[0] != '{' {
			return
		}
		for _, method := range methods {
			reply, m := &scripted{}, &wire.Message{}
			raw := append(append([]byte(`{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":`), params...), '}')
			if testScanner.Request(raw, m) != nil {
				return
			}
			call := &mcp.Call{Caller: &mcp.Caller{ID: "ann"}, Method: method, Dialect: method, Revision: mcp.Latest(), Request: m}
			call.Context = call.Member("context")
			err := h.Handle(t.Context(), call, reply)
			if e := mcp.AsError(err); err != nil && (e == nil || e.Reason == mcp.Internal || e.Reason == mcp.Unavailable) {
				t.Fatalf("%s %s: %v", method, params, err)
			} else if err == nil && !json.Valid([]byte(reply.result)) {
				t.Fatalf("%s %s: %s", method, params, reply.result)
			} else if e != nil && e.Data != nil && !json.Valid(e.Data) {
				t.Fatalf("%s %s: data %s", method, params, e.Data)
			}
		}
		if p, err := readPlace(params, "", true); err == nil {
			checkPlace(t, p)
		}
	})
}

func checkPlace(t *testing.T, p place) {
	t.Helper()
	s := p.sampling
	if v := s.Temperature; v != nil && !(*v >= 0 && *v <= mostTemperature) {
		t.Errorf("temperature %g", *v)
	}
	if v := s.TopP; v != nil && !(*v >= 0 && *v <= 1) {
		t.Errorf("topP %g", *v)
	}
	if v := s.TopK; v != nil && *v < 1 {
		t.Errorf("topK %d", *v)
	}
	if v := s.MaxTokens; v != nil && *v < 1 {
		t.Errorf("maxTokens %d", *v)
	}
	if len(s.StopSequences) > mostStops || len(p.id) > mostIDBytes || len(p.path) > mostPathBytes {
		t.Errorf("%+v", p)
	}
	again, err := loadSampling(encode(s))
	if err != nil || string(encode(again)) != string(encode(s)) {
		t.Errorf("%s is loaded as %s, %v", encode(s), encode(again), err)
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
			t.Skip()
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

// FuzzInto merges parameters into what a server asks, whatever that is.
func FuzzInto(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"maxTokens":1e9,"temperature":null,"stopSequences":[1],"metadata":"x"}`, `{"metadata":{}}`, ` { "maxTokens" : -1 } `,
	} {
		f.Add([]byte(seed))
	}
	s := Sampling{Temperature: new(0.5), TopP: new(0.5), TopK: new(int64(4)), MaxTokens: new(int64(100)), StopSequences: []string{"a", "b"}}
	f.Fuzz(func(t *testing.T, params []byte) {
		params = bytes.TrimSpace(params)
		if testScanner.Value(params) != nil || params[0] != '{' {
			return
		}
		was := string(params)
		got := s.into(params)
		if string(params) != was {
			t.Fatal("the question itself has changed")
		}
		if err := testScanner.Value(got); err != nil {
			t.Fatalf("%s becomes %s: %v", params, got, err)
		}
		var merged struct {
			MaxTokens json.Number `json:"maxTokens"`
		}
		if err := json.Unmarshal(got, &merged); err == nil {
			if n, err := merged.MaxTokens.Float64(); err != nil || n > 100 || n < 1 {
				t.Errorf("%s becomes %s", params, got)
			}
		}
	})
}
