package roots

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/sampling"
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
	if len(p.id) > mostIDBytes || len(p.path) > mostPathBytes {
		t.Errorf("%+v", p)
	}
	again, err := sampling.Load(encode(s))
	if err != nil || string(encode(again)) != string(encode(s)) {
		t.Errorf("%s is loaded as %s, %v", encode(s), encode(again), err)
	}
}
