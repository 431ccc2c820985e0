package box

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sumun-mcp/sumun/internal/sandbox/box/launch"
)

// TestView: what is told as refused is what the machine has and the box has not.
func TestView(t *testing.T) {
	machine := t.TempDir()
	for _, dir := range []string{"home/.ssh", "read/inner", "write/inner", "hidden"} {
		if err := os.MkdirAll(filepath.Join(machine, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"home/.ssh/key", "hidden/file", "read/file"} {
		if err := os.WriteFile(filepath.Join(machine, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := func(name string) string { return filepath.Join(machine, name) }
	v := viewOf(&launch.Order{
		Home: at("home"), Links: [][2]string{{"/lib", "usr/lib"}}, Files: []launch.File{{Path: at("home/decoy")}},
		Binds: []launch.Bind{{Path: at("read")}, {Path: at("write"), Write: true}, {Path: at("write/inner")}},
	})
	tests := []struct {
		name   string
		change bool
		want   bool
	}{
		{at("hidden/file"), false, true},
		{at("hidden/missing"), false, false},
		{at("read/file"), false, false},
		{at("read"), false, false},
		{machine, false, false},
		{at("read/file"), true, true},
		{at("read/new"), true, true},
		{at("write/new"), true, false},
		{at("write/inner/new"), true, true},
		{at("home/.ssh/key"), false, true},
		{at("home/decoy"), false, false},
		{at("home/.ssh/new"), true, true},
		{at("home/mine"), false, false},
		{at("home/mine"), true, false},
		{at("home/.ssh"), true, false}, // a directory of its own
		{at("home/.ssh/key"), true, false},
		{at("home/.ssh/key"), false, false},
		{"/lib/libc.so", false, false},
		{"/etc/shadow", false, true},
		{"/etc/nsswitch.conf", false, false},
		{"/sys/kernel/notes", false, false},
		{"/proc/self/status", false, false},
		{"/proc/1/environ", false, true},
		{"/proc/10/environ", false, false},
		{"/proc/sys/kernel/core_pattern", true, true},
		{"/dev/stdout", true, false},
	}
	for _, tt := range tests { // in this order, since what was made is remembered
		if got := v.refuses(tt.name, tt.change); got != tt.want {
			t.Errorf("%s, changed %t: %t", tt.name, tt.change, got)
		}
	}
}
