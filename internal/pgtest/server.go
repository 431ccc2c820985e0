package pgtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Options say how a server is.
type Options struct {
	// Files are put beside its data, by their names; only the server can read them.
	Files map[string][]byte
	// Rules are lines of pg_hba.conf before the one that lets everybody in.
	Rules string
	// Settings are its configuration: name=value. DIR stands for the directory of the files.
	Settings []string
	// Durable keeps what is committed when the server is killed.
	Durable bool
}

// A Server is a PostgreSQL server with its data in a directory that goes with it. One goroutine uses it.
type Server struct {
	// DSN is that of its first database, whose user may do everything.
	DSN string

	dir, port string
	args      []string
	as        *syscall.SysProcAttr
	running   *exec.Cmd
}

// patience is how long a server may take to answer.
const patience = 20 * time.Second

// Start starts a server on a free port of this machine.
func Start(o Options) (*Server, error) {
	dir, err := os.MkdirTemp("", "sumun-postgres")
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir}
	if err := s.prepare(o); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.Up(); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// prepare makes the data directory.
func (s *Server) prepare(o Options) error {
	var err error
	if s.as, err = unprivileged(s.dir); err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	run := command("initdb", "-D", data, "-U", "test", "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync")
	run.SysProcAttr, run.Dir = s.as, s.dir
	if out, err := run.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	if err := s.files(data, o); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		return err
	}
	if _, s.port, err = net.SplitHostPort(listener.Addr().String()); err != nil {
		return err
	}
	if err := listener.Close(); err != nil {
		return err
	}
	s.args = []string{"-D", data, "-h", "127.0.0.1", "-p", s.port, "-k", s.dir}
	if !o.Durable {
		s.args = append(s.args, "-F")
	}
	for _, setting := range o.Settings {
		s.args = append(s.args, "-c", strings.ReplaceAll(setting, "DIR", s.dir))
	}
	s.DSN = "postgres://test@127.0.0.1:" + s.port + "/postgres?sslmode=disable"
	return nil
}

// files writes what stands beside the data, and the rules.
func (s *Server) files(data string, o Options) error {
	for name, content := range o.Files {
		path := filepath.Join(s.dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
		if err := own(path); err != nil {
			return err
		}
	}
	if o.Rules == "" {
		return nil
	}
	path := filepath.Join(data, "pg_hba.conf")
	rules, err := os.ReadFile(path) //nolint:gosec // our own
	if err != nil {
		return err
	}
	return os.WriteFile(path, append([]byte(o.Rules), rules...), 0o600) //nolint:gosec // our own
}

// Up starts the server again, and waits until it answers.
func (s *Server) Up() error {
	s.running = command("postgres", s.args...)
	s.running.SysProcAttr, s.running.Dir = s.as, s.dir
	if err := s.running.Start(); err != nil {
		return err
	}
	db, err := sql.Open("pgx", s.DSN)
	if err != nil {
		return err
	}
	defer db.Close()                                                   //nolint:errcheck // it was only asked whether it answers
	ctx, cancel := context.WithTimeout(context.Background(), patience) //nolint:forbidigo // servers outlive tests
	defer cancel()
	for next := time.NewTicker(20 * time.Millisecond); ; {
		if err = db.PingContext(ctx); err == nil || ctx.Err() != nil {
			next.Stop()
			return err
		}
		<-next.C
	}
}

// Down stops the server, which closes its connections first.
func (s *Server) Down() { s.end(os.Interrupt) }

// Kill kills the server at once, and what it has started.
func (s *Server) Kill() { s.end(syscall.SIGQUIT) }

func (s *Server) end(how os.Signal) {
	if s.running == nil {
		return
	}
	_ = s.running.Process.Signal(how) // it may have ended
	_ = s.running.Wait()              // it says how it ended, which is known
	s.running = nil
}

// Close stops the server and removes its data.
func (s *Server) Close() {
	s.Down()
	_ = os.RemoveAll(s.dir) // it is below the directory for such things
}

// command is a program of PostgreSQL, which Debian does not put on the path.
func command(name string, args ...string) *exec.Cmd {
	path, err := exec.LookPath(name)
	if err != nil {
		path = name
		if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(found) > 0 {
			slices.Sort(found)
			path = found[len(found)-1]
		}
	}
	return exec.Command(path, args...) //nolint:gosec,noctx // the server ends when it is told to
}
