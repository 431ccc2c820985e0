package interop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSignatures has jose check what sumun has signed, and sumun what jose has.
func TestSignatures(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("mcp.yaml"), []byte("listen: 127.0.0.1:0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	must := func(c command) string {
		t.Helper()
		out, err := run(t.Context(), dir, nil, c)
		if err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(c.Args, " "), err, tail(out))
		}
		return out
	}
	script := abs(t, "node", "signatures.ts")
	for _, algorithm := range []string{"EdDSA", "ES256"} {
		key := at(algorithm + ".pem")
		must(sumun(t, "signing-key", "create", key, "--algorithm", algorithm))
		must(sumun(t, "manifest", "create", "-o", at("manifest.json")))
		must(sumun(t, "sign", at("manifest.json"), "--key", key, "-o", at("server.sig")))
		must(sumun(t, "sign", at("manifest.json"), "--pgp", "-o", at("canonical")))
		if out := must(node(t, script, at("canonical"), at("server.sig"), key+".pub", at("jose.sig"), at("jose.jwk"))); !strings.Contains(out, "verified "+algorithm) {
			t.Errorf("jose says %q", out)
		}
		must(sumun(t, "verify", at("manifest.json"), "--sig", at("jose.sig"), "--key", at("jose.jwk")))
	}
}
