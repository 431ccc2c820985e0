package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sumun-mcp/sumun/internal/pgtest"
)

// TestMain lets a script start `sumun` and `peer`: the test binary, run again under that name, is the program, or a server
// behind it (peer_test.go).
func TestMain(m *testing.M) {
	testscript.Main(suite{m}, map[string]func(){"sumun": main, "MCPTrustScanner": main, "peer": peer})
}

// A suite is the tests of the program. With them the database ends that they have started.
type suite struct{ *testing.M }

func (s suite) Run() int { return pgtest.Run(s.M) }
