package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets a script start `sumun` and `peer`: the test binary, run again under that name, is the program, or a server
// behind it (peer_test.go).
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sumun": main, "MCPTrustScanner": main, "peer": peer})
}
