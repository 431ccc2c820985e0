package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sumun-mcp/sumun/examples/business/service"
)

// scriptCompany is `company`: the example's services run beside the script, at $BUSINESS_URL, and its files are put into a new
// directory, business.
func scriptCompany(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: company")
	}
	company := httptest.NewServer(service.Handler("demo"))
	ts.Defer(company.Close)
	ts.Setenv("BUSINESS_URL", company.URL)
	ts.Check(os.MkdirAll(ts.MkAbs("business"), 0o700))
	for name, before := range map[string]string{"mcp.yaml": "listen: 127.0.0.1:0\n", "openapi.yaml": ""} {
		data, err := os.ReadFile(filepath.Join("..", "..", "examples", "business", name))
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(filepath.Join("business", name)), append([]byte(before), data...), 0o600))
	}
}
