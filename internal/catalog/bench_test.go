package catalog

import (
	"fmt"
	"testing"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// many returns a listing of n tools as large as they are in the field.
func many(n int) *mcp.Listing {
	l := &mcp.Listing{Revision: mcp.LatestLegacy()}
	for i := range n {
		raw := wire.AppendQuote([]byte(`{"name":`), fmt.Sprintf("tool_%d", i))
		raw = append(raw, `,"title":"A tool","description":"Reads the part of a document that the arguments name and returns it as text. Use it when the whole would be too long.","inputSchema":`...)
		raw = append(raw, `{"type":"object","properties":{"path":{"type":"string","description":"Where it lies"},"from":{"type":"integer","minimum":0},"to":{"type":"integer"}},"required":["path"],"additionalProperties":false}`...)
		l.Tools = append(l.Tools, append(raw, `,"annotations":{"readOnlyHint":true}}`...))
	}
	return l
}

func TestListAllocatesNothing(t *testing.T) {
	c := Build([]Source{{Server: "s", Prefix: "s", Listing: many(1000)}}, Options{})
	view := &mcp.View{ID: "v", Allow: func(mcp.Kind, string) bool { return true }}
	c.List(mcp.Tool, view, mcp.Latest(), mcp.FullNames)
	if n := testing.AllocsPerRun(100, func() { c.List(mcp.Tool, view, mcp.Latest(), mcp.FullNames) }); n != 0 {
		t.Errorf("%v allocations in the second list", n)
	}
	if n := testing.AllocsPerRun(100, func() { c.Lookup(mcp.Tool, "s.tool_500") }); n != 0 {
		t.Errorf("%v allocations in Lookup", n)
	}
}

func BenchmarkLookup(b *testing.B) {
	c := Build([]Source{{Server: "s", Prefix: "s", Listing: many(1000)}}, Options{})
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := c.Lookup(mcp.Tool, "s.tool_500"); !ok {
			b.Fatal("not found")
		}
	}
}

func BenchmarkListOfThousandAgain(b *testing.B) {
	c := Build([]Source{{Server: "s", Prefix: "s", Listing: many(1000)}}, Options{})
	view := &mcp.View{ID: "v", Allow: func(mcp.Kind, string) bool { return true }}
	b.ReportAllocs()
	for b.Loop() {
		c.List(mcp.Tool, view, mcp.Latest(), mcp.FullNames)
	}
}

func BenchmarkListOfThousandFirst(b *testing.B) {
	c := Build([]Source{{Server: "s", Prefix: "s", Listing: many(1000)}}, Options{})
	view := &mcp.View{Allow: func(mcp.Kind, string) bool { return true }} // without an ID nothing is kept
	b.ReportAllocs()
	for b.Loop() {
		c.List(mcp.Tool, view, mcp.Latest(), mcp.FullNames)
	}
}

func BenchmarkBuildOfTenThousand(b *testing.B) {
	listing := many(10_000)
	b.ReportAllocs()
	for b.Loop() {
		Build([]Source{{Server: "s", Prefix: "s", Listing: listing}}, Options{})
	}
}
