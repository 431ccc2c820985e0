package interop

import (
	"fmt"
	"strings"
	"testing"
	"text/tabwriter"
)

// wayOut are the client scenarios of the official suite that need no authorization, by revision: the gateway is the client. Those
// under auth/ belong to access: 14 of the 18 of 2025-11-25, 25 of the 32 of 2026-07-28.
var wayOut = []struct {
	revision  string
	scenarios []string
}{
	{"2025-11-25", []string{
		"initialize", "tools_call", "elicitation-sep1034-client-defaults", "sse-retry", "json-schema-2020-12-preservation",
	}},
	{"2026-07-28", []string{
		"tools_call", "request-metadata", "sep-2322-client-request-state", "http-standard-headers", "http-custom-headers",
		"http-invalid-tool-headers", "json-schema-ref-no-deref", "json-schema-2020-12-preservation",
	}},
}

// TestWayOut runs the official suite's servers behind the gateway, and the client of the official Go SDK through it.
func TestWayOut(t *testing.T) {
	suite := node(t, peer(t, "@modelcontextprotocol", "conformance", "dist", "index.js"))
	client := build(t, ".", "github.com/modelcontextprotocol/go-sdk/conformance/everything-client")
	if !*direct {
		client = strings.Join([]string{build(t, ".", "./through"), sumun(t).Command, client}, " ")
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for _, set := range wayOut {
		for _, scenario := range set.scenarios {
			t.Run(set.revision+" "+scenario, func(t *testing.T) {
				out, err := run(t.Context(), ".", nil, suite.with("client", "--command", client, "--scenario", scenario,
					"--spec-version", set.revision, "--timeout", "20000"))
				outcome := "passed"
				if err != nil { // the suite exits with 1 if a check fails, or the client
					outcome = "FAILED"
					t.Errorf("%v\n%s", err, tail(out))
				}
				fmt.Fprintf(w, "%s\t%s\t%s\n", set.revision, scenario, outcome)
			})
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("client scenarios through the gateway: %t\n%s", !*direct, table.String())
}
