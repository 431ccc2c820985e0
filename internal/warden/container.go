package warden

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/warden/container"
)

// user is whose number programs in containers have where we are root ourselves.
const user = 1000

// pinned matches an image that is named by what it holds.
var pinned = regexp.MustCompile(`^[^@]+@sha256:[0-9a-f]{64}$|^sha256:[0-9a-f]{64}$`)

// contain has a container engine run the program, which is one of the image.
func (w *Warden) contain(ctx context.Context, c *sandbox.Command, s *config.Server) error {
	switch {
	case s.Image == "":
		return errors.New("sandbox: container needs image: the image that the command is in, pinned as NAME@sha256:…")
	case !pinned.MatchString(s.Image):
		return fmt.Errorf("image: %s is not pinned by its digest; write NAME@sha256:…, which docker image inspect --format '{{index .RepoDigests 0}}' %s tells", s.Image, s.Image)
	case len(s.Hosts) > 0:
		return errors.New("hosts: is not for sandbox: container, which has no network; use sandbox: box")
	}
	engine, err := w.engine("docker", "podman")
	if err != nil {
		return err
	}
	spec := w.spec(s)
	spec.Image, spec.Command, spec.Args = s.Image, s.Command, s.Args
	if spec.Read, spec.Write, err = w.shown(s); err != nil {
		return err
	}
	spec.KeepUser = filepath.Base(engine) == "podman" && os.Geteuid() != 0
	if err := fetch(ctx, engine, s.Image); err != nil {
		return err
	}
	return w.watched(c, engine, spec)
}

// shown returns what of this machine a container shows: what the operator has written, and what arguments name.
func (w *Warden) shown(s *config.Server) (read, write []string, err error) {
	b := &binder{machine: w.machine, policy: &policy{links: map[string]string{}}}
	if err := errors.Join(b.operators("write", s.Write, true), b.operators("read", s.Read, false)); err != nil {
		return nil, nil, err
	}
	for _, arg := range s.Args { // a relative path is one of the image
		if filepath.IsAbs(arg) {
			b.arguments([]string{arg}, "/")
		}
	}
	p := b.done()
	return append(p.read, slices.Sorted(maps.Keys(p.links))...), p.write, nil
}

// fetch has the engine get an image if it has not got it, before the time for a start is counted.
func fetch(ctx context.Context, engine, image string) error {
	if exec.CommandContext(ctx, engine, "image", "inspect", "--format", "{{.Id}}", image).Run() == nil { //nolint:gosec // the engine
		return nil
	}
	if said, err := exec.CommandContext(ctx, engine, "pull", "--quiet", image).CombinedOutput(); err != nil { //nolint:gosec // the engine
		return fmt.Errorf("the image %s cannot be had: %w: %.500s", image, err, said)
	}
	return nil
}

// emulate has gVisor run the program, which is one of this machine and sees of it what a box would show.
func (w *Warden) emulate(ctx context.Context, c *sandbox.Command, s *config.Server) error {
	if len(s.Hosts) > 0 {
		return errors.New("hosts: is not for sandbox: gvisor, which has no network; use sandbox: box")
	}
	engine, err := w.engine("runsc")
	if err != nil {
		return errors.New("sandbox: gvisor needs runsc in PATH; it comes with gVisor (https://gvisor.dev)")
	}
	p, err := w.policy(ctx, c, s)
	if err != nil {
		return err
	}
	spec := w.spec(s)
	spec.Command, spec.Args, spec.Dir = c.Path, c.Args, c.Dir
	spec.Read, spec.Write, spec.Links = slices.Concat(p.system, p.read), p.write, p.links
	spec.Rootless = os.Geteuid() != 0
	spec.Env = append(spec.Env, "LANG", "LC_ALL", "TZ")
	return w.watched(c, engine, spec)
}

// spec returns what container tiers have in common.
func (w *Warden) spec(s *config.Server) *container.Spec {
	spec := &container.Spec{
		Env: slices.Sorted(maps.Keys(s.Env)), Memory: cmp.Or(int64(s.Memory), defaultMemory), Pids: cmp.Or(s.Pids, defaultPids), CPU: s.CPU, Scratch: defaultScratch,
		User: os.Geteuid(), Group: os.Getegid(),
	}
	if spec.User <= 0 {
		spec.User, spec.Group = user, user
	}
	return spec
}

// engine finds the first program of those names.
func (w *Warden) engine(names ...string) (string, error) {
	var errs []error
	for _, name := range names {
		path, err := (&sandbox.Command{Path: name}).Look()
		if err == nil {
			return path, nil
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

// watched has a command start what watches over the engine.
func (w *Warden) watched(c *sandbox.Command, engine string, spec *container.Spec) error {
	if len(w.Watcher) == 0 {
		return errors.New("containers are started by the program sumun only; run the server behind one, or write sandbox: box")
	}
	args, err := spec.Arguments()
	if err != nil {
		return err
	}
	c.Path, c.Args, c.Dir, c.Reaper, c.Env = engine, args, "", w.Watcher, maps.Clone(c.Env)
	if c.Env == nil {
		c.Env = map[string]string{}
	}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		if _, own := c.Env[name]; !own && slices.Contains(engines, name) {
			c.Env[name] = value
		}
	}
	return nil
}

// engines are the variables that tell clients of engines where those are. The programs in containers do not get them.
var engines = []string{
	"CONTAINER_HOST", "DOCKER_CERT_PATH", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_HOST", "DOCKER_TLS_VERIFY",
	"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR",
}
