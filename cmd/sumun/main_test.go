package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets a script start `sumun`: the test binary, run again under that name, is the program.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sumun": main})
}
