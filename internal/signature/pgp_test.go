package signature

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/trust"
)

// gpg runs the real program in a home of its own.
func gpg(t *testing.T, home, input string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "gpg", append([]string{"--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("gpg %v: %v\n%s", args, err, problem.String())
	}
	return out
}

func TestPGP(t *testing.T) {
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("gpg is not installed: signatures of the real program are not checked")
	}
	home, err := os.MkdirTemp("", "gpg") //nolint:usetesting // short: a socket is made in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	for _, user := range []string{"author", "stranger"} {
		gpg(t, home, "", "--quick-generate-key", user, "ed25519", "sign", "never")
	}
	want := &Expectation{Now: time.Now()} // the program does not sign at another time
	m := strings.NewReplacer("2026-11-01", want.Now.AddDate(0, 0, -1).Format(time.DateOnly), "2027-11-01", want.Now.AddDate(0, 0, 2).Format(time.DateOnly)).Replace(manifest)
	payload, err := trust.Canonical([]byte(m))
	if err != nil {
		t.Fatal(err)
	}
	keys := gpg(t, home, "", "--armor", "--export", "author")
	sig := gpg(t, home, string(payload), "--armor", "--local-user", "author", "--detach-sign")
	by := gpg(t, home, string(payload), "--armor", "--local-user", "stranger", "--detach-sign")
	if v, err := VerifyPGP([]byte(m), sig, keys, want); err != nil || len(v.By) != 1 {
		t.Errorf("a good signature is refused: %+v, %v", v, err)
	}
	for name, tt := range map[string]struct {
		manifest string
		sig      []byte
		reason   Reason
	}{
		"of somebody else": {m, by, UnknownKey},
		"another payload":  {strings.Replace(m, "forecast", "other", 1), sig, Wrong},
		"no signature":     {m, []byte("x"), Malformed},
	} {
		_, err := VerifyPGP([]byte(tt.manifest), tt.sig, keys, want)
		if e, ok := errors.AsType[*Error](err); !ok || e.Reason != tt.reason {
			t.Errorf("%s: error = %v, want the reason %s", name, err, tt.reason)
		}
	}
}
