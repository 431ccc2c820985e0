//go:build linux

package container

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/sandbox"
)

// TestMain is the watcher of a container, or the program in it, where it is started as that.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "__contain" {
		os.Exit(Watch(context.Background(), os.Args[2:], os.Environ()))
	}
	if len(os.Args) > 1 && os.Args[1] == "__echo" {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			_, err := os.Create("/x")
			fmt.Printf("%s %d %s %v\n", lines.Text(), os.Getuid(), os.Getenv("KEY"), err != nil)
		}
		if len(os.Args) > 2 { // it does not end with its input
			select {}
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// image makes an image of nothing but a program, and skips the test where there is no engine.
func image(t *testing.T) (engine, id string) {
	t.Helper()
	engine, err := exec.LookPath("docker")
	if err != nil || exec.CommandContext(t.Context(), engine, "version", "--format", "{{.Server.Version}}").Run() != nil {
		t.Skip("there is no engine of Docker that answers; DOCKER_HOST says where one is")
	}
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", filepath.Join(dir, "program"), ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	pack := exec.CommandContext(t.Context(), "sh", "-c", `tar -C "$0" -c program | "$1" import -`, dir, engine)
	said, err := pack.Output()
	if err != nil {
		t.Fatal(err)
	}
	id = strings.TrimSpace(string(said))
	t.Cleanup(func() { _ = exec.Command(engine, "rmi", "--force", id).Run() })
	return engine, id
}

// TestEngine runs a program in a container: it speaks, is nobody, writes nowhere, sees its variable; and is gone with whoever wanted it.
func TestEngine(t *testing.T) {
	engine, id := image(t)
	for name, stubborn := range map[string]bool{"it ends": false, "it would not": true} {
		t.Run(name, func(t *testing.T) {
			s := &Spec{Image: id, Command: "/program", Args: []string{"__echo"}, Env: []string{"KEY"}, Memory: 256 << 20, Scratch: 1 << 20, Pids: 64, User: 1000, Group: 1000}
			if stubborn {
				s.Args = append(s.Args, "stubborn")
			}
			args, err := s.Arguments()
			if err != nil {
				t.Fatal(err)
			}
			env := map[string]string{"KEY": "value"}
			if host := os.Getenv("DOCKER_HOST"); host != "" {
				env["DOCKER_HOST"] = host
			}
			child, err := sandbox.Start(t.Context(), sandbox.Command{Path: engine, Args: args, Env: env, Reaper: []string{os.Args[0], "__contain"}}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := child.Write([]byte("hello\n")); err != nil {
				t.Error(err)
			}
			said, err := bufio.NewReader(child).ReadString('\n')
			if want := "hello 1000 value true\n"; said != want || err != nil {
				t.Errorf("it said %q, %v, want %q; %s", said, err, want, child.Epitaph())
			}
			if stubborn {
				child.Kill() // the life line breaks, as when the gateway is killed
			}
			child.Close()
			left := func() string {
				all, _ := exec.CommandContext(t.Context(), engine, "ps", "--all", "--quiet", "--filter", "ancestor="+id).Output()
				return string(all)
			}
			for end := time.Now().Add(20 * time.Second); left() != "" && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			}
			if all := left(); all != "" {
				t.Errorf("a container is left: %s", all)
			}
		})
	}
}
