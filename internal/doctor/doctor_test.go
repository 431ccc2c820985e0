package doctor

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/config"
)

// TestLook tells what is wrong, and what to do about it.
func TestLook(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o755); err != nil {
		t.Fatal(err)
	}
	away, absent := config.NewServer("away"), config.NewServer("absent")
	away.Command, away.Disabled = "no-such-program", true
	absent.Command = "no-such-program"
	cfg := config.Default()
	cfg.Path, cfg.Store, cfg.Servers = "mcp.yaml", "sqlite:"+filepath.Join(open, "sumun.db"), []config.Server{away, absent}
	var got []string
	for r := range Look(t.Context(), cfg, nil, Means{}) {
		found, _, _ := strings.Cut(strings.ReplaceAll(r.Found, dir, "DIR"), ":")
		remedy := strings.ReplaceAll(r.Remedy, dir, "DIR")
		got = append(got, strings.Join([]string{r.Check, map[bool]string{true: "ok", false: "FAULT"}[r.OK], found, remedy}, "; "))
	}
	want := []string{
		"configuration; ok; mcp.yaml, 2 servers; ",
		"state; FAULT; DIR/open can be read by others; chmod 700 DIR/open",
		"server away; ok; disabled; ",
		`server absent; FAULT; the command "no-such-program" was not found in PATH; install it, or configure its full path`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestLookFaulty looks no further when the configuration is wrong.
func TestLookFaulty(t *testing.T) {
	n := 0
	for r := range Look(t.Context(), nil, errors.New("port: wants a number"), Means{}) {
		if n++; r.OK || r.Found != "port: wants a number" || r.Remedy == "" {
			t.Errorf("remark = %+v", r)
		}
	}
	if n != 1 {
		t.Errorf("%d remarks", n)
	}
}
