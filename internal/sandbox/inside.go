package sandbox

import (
	"context"
	"io"
	"log/slog"
	"os/exec"
)

// An Inside stands for a program in this process. It reads and writes in its place until it returns, which it does soon after ctx or its
// input has ended.
type Inside func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error

// startInside runs a function in the place of a program. The Child is as any other, but has no process.
func startInside(ctx context.Context, run Inside, log *slog.Logger) (*Child, error) {
	p := &Child{
		cmd: &exec.Cmd{}, exited: make(chan struct{}),
		errors: &stderr{ctx: context.WithoutCancel(ctx), log: log, done: make(chan struct{})},
	}
	theirs, said, err := p.pipes()
	if err != nil {
		return nil, err
	}
	in, out, errs := theirs[0], theirs[1], theirs[2]
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p.stop = func() {
		cancel()
		_ = in.Close() // who reads from it goes on
	}
	p.errors.file = said
	p.work.Go(p.errors.read)
	p.work.Go(func() {
		p.status = run(ctx, in, out, errs)
		p.stop()
		closeAll(theirs...)
		close(p.exited)
	})
	return p, nil
}

// closeInside ends the function by the end of its input, and then by its context.
func (p *Child) closeInside() {
	closeAll(p.stdin, p.life)
	if !p.ends(patience) {
		p.stop()
		p.ends(patience)
	}
	_ = p.stdout.Close()
	p.errors.close()
	p.work.Wait()
}
