package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sumun-mcp/sumun/internal/local"
)

// TestScript runs every testdata/script/*.txtar, in parallel, each in a directory of its own ($WORK,
// which is also $HOME). To test a verb, add VERB.txtar, or VERB-topic.txtar when there are several:
// a first comment that says what holds, then command lines, then the files they need.
//
//	exec sumun VERB …      runs the program; it must exit with 0
//	code 2 sumun VERB …    runs it; it must exit with 2
//	stdout, stderr RE      what the last one printed matches the regular expression
//	cmp stdout want        it is exactly the file want; UPDATE=1 go test ./cmd/sumun writes that file
//	post METHOD PARAMS     asks the gateway in the dialect; stdout is the answer
//	unix2dos, mode, …      see package testscript, and commands below for those of our own
//
// A gateway that runs beside the script is started with `exec sumun serve … &name&` and ended with
// `kill -INT name` and `wait name`.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       os.Getenv("UPDATE") != "",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               private,
		Cmds:                commands(),
	})
}

// private gives a script a home of its own, so that it never sees the files of whoever runs the tests.
func private(env *testscript.Env) error {
	for _, name := range []string{"HOME", "USERPROFILE"} {
		env.Setenv(name, env.WorkDir)
	}
	env.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector must not make every program a second slower
	env.Setenv("APPDATA", filepath.Join(env.WorkDir, "AppData"))
	root, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	if cache, err := os.UserCacheDir(); err == nil && os.Getenv("GOCACHE") == "" {
		env.Setenv("GOCACHE", filepath.Join(cache, "go-build")) // what Go code needs is not built for each home again
	}
	env.Setenv("CODESIGN", filepath.Join(root, "examples", "ci", "code-sign", "code-sign.sh"))
	env.Setenv("TRUSTSCAN", filepath.Join(root, "examples", "ci", "trust-scan", "trust-scan.sh"))
	for _, name := range []string{"XDG_CONFIG_HOME", "CLAUDE_CONFIG_DIR", "SUMUN_URL", "SUMUN_KEY", "MCP_API_KEY"} {
		env.Setenv(name, "")
	}
	return nil
}

// commands are the script commands that testscript does not have.
func commands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"code":       scriptCode,
		"mode":       scriptMode,
		"ready":      scriptReady,
		"eventually": scriptEventually,
		"certify":    scriptCertify,
		"post":       scriptPost,
		"company":    scriptCompany,
	}
}

// scriptCode is `code N COMMAND ARG…`: the command ends with exit code N.
func scriptCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		m := regexp.MustCompile(`exit status (\d+)`).FindStringSubmatch(err.Error())
		if m == nil {
			ts.Fatalf("%v", err)
		}
		got, err = strconv.Atoi(m[1])
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// scriptReady is `ready`: it waits until the gateway that was started in this directory has tried its servers. $URL is its
// address from then on, and $PORT its port.
func scriptReady(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: ready")
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		g, err := local.Place{Dir: ts.MkAbs(".sumun")}.Find(context.Background(), "")
		if g == nil || err != nil {
			continue
		}
		endpoint, err := url.Parse(g.URL)
		ts.Check(err)
		ts.Setenv("URL", g.URL)
		ts.Setenv("PORT", endpoint.Port())
		endpoint.Path = "/readyz"
		answer, err := (&http.Client{Transport: g.Carrier}).Get(endpoint.String())
		if err != nil {
			continue
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return
		}
	}
	ts.Fatalf("the gateway is not ready within 30 s")
}

// scriptEventually is `eventually COMMAND ARG…`: the command succeeds, if not at once.
func scriptEventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: eventually COMMAND [ARG...]")
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if ts.Exec(args[0], args[1:]...) == nil {
			return
		}
	}
	ts.Fatalf("%s does not succeed within 20 s", args[0])
}

// scriptCertify is `certify CERTFILE KEYFILE`: it makes a certificate of nobody's authority for 127.0.0.1.
func scriptCertify(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: certify CERTFILE KEYFILE")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ts.Check(err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
}

// scriptMode is `mode OCTAL FILE`: the file has these permission bits.
func scriptMode(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] mode OCTAL FILE")
	}
	want, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := info.Mode().Perm(); (got == os.FileMode(want)) == neg {
		ts.Fatalf("%s has mode %o, want %o", args[1], got, want)
	}
}

// scriptPost is `post METHOD PARAMS`: it asks the gateway that was started in this directory in the dialect, with the key named local.
func scriptPost(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: post METHOD PARAMS")
	}
	g, err := local.Place{Dir: ts.MkAbs(".sumun")}.Find(context.Background(), "")
	ts.Check(err)
	key, err := os.ReadFile(ts.MkAbs(filepath.Join(".sumun", local.KeyName)))
	ts.Check(err)
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, args[0], args[1])
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, g.URL, strings.NewReader(body))
	ts.Check(err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(key)))
	answer, err := (&http.Client{Transport: g.Carrier}).Do(req)
	ts.Check(err)
	defer answer.Body.Close()
	_, err = io.Copy(ts.Stdout(), answer.Body)
	ts.Check(err)
}
