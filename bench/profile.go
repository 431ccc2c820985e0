package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/bench/load"
)

// profileSeconds is how long the gateway is profiled.
const profileSeconds = 10

// profiled is a file that the profiled gateway has beside its own; it needs no other change.
const profiled = `package main

import (
	"net/http"
	_ "net/http/pprof"
)

func init() { go http.ListenAndServe(%q, nil) }
`

// profile loads a gateway that was built to be profiled, in the first cell that -only matches, and writes its CPU profile
// to the file of -profile, and what it has allocated since its start to the file of that name with ".allocs" behind it.
func (b *bench) profile(ctx context.Context, out io.Writer) error {
	sh, w, c := b.firstCell()
	if c == nil {
		return fmt.Errorf("no cell matches -only %q", b.opt.only)
	}
	at, err := freeAddr(ctx)
	if err != nil {
		return err
	}
	if b.binary, err = buildProfiled(ctx, b.dir, at); err != nil {
		return err
	}
	b.targets = []string{"S"}
	s, err := b.openStand(ctx, sh, w.Tools)
	if err != nil {
		return err
	}
	defer s.close()
	clients, err := load.Open(ctx, w.task(s.targets[0].script), c.Conns)
	if err != nil {
		return err
	}
	defer clients.Close()
	clients.Drive(ctx, time.Second, 0) // warm-up

	page := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", at, profileSeconds)
	var wg sync.WaitGroup
	var seen load.Tally
	wg.Go(func() { seen = clients.Drive(ctx, (profileSeconds+1)*time.Second, 0) })
	cpu := save(ctx, page, b.opt.profile)
	wg.Wait()
	allocs := save(ctx, "http://"+at+"/debug/pprof/allocs", b.opt.profile+".allocs")
	if err := errors.Join(cpu, allocs, seen.First); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %.0f calls/s while profiled\ngo tool pprof -top %s\ngo tool pprof -top -sample_index=alloc_objects %s.allocs\n",
		c.name(), float64(seen.Calls)/seen.Elapsed.Seconds(), b.opt.profile, b.opt.profile)
	return nil
}

// firstCell returns the first cell that -only matches.
// It returns no cell when there is none.
func (b *bench) firstCell() (load.Shape, work, *cell) {
	for _, sh := range load.Shapes() {
		for _, w := range works(sh) {
			if cells := b.matching(sh, w); len(cells) > 0 {
				return sh, w, cells[0]
			}
		}
	}
	return load.Shape{}, work{}, nil
}

// buildProfiled builds the gateway so that it serves its profiles at an address.
func buildProfiled(ctx context.Context, dir, at string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", gatewayPackage).Output()
	if err != nil {
		return "", fmt.Errorf("finding the gateway's package: %w", err)
	}
	extra, overlay := filepath.Join(dir, "profiled.go"), filepath.Join(dir, "overlay.json")
	beside := filepath.Join(strings.TrimSpace(string(out)), "bench_profiled.go")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {beside: extra}})
	if err != nil {
		return "", err
	}
	if err := errors.Join(
		os.WriteFile(extra, fmt.Appendf(nil, profiled, at), 0o600),
		os.WriteFile(overlay, replace, 0o600),
	); err != nil {
		return "", err
	}
	return buildGateway(ctx, dir, "-overlay", overlay)
}

// save writes the answer to a GET into a file.
func save(ctx context.Context, url, file string) error {
	return fetch(ctx, url, func(r io.Reader) error {
		raw, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		return os.WriteFile(file, raw, 0o600)
	})
}
