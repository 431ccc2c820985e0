package pipe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// closeGrace is how long calls may go on after the client has closed its end, where
// the options do not say.
const closeGrace = 10 * time.Second

// Stdio is a client's two ends of a pipe, and how long it has.
type Stdio struct {
	In  io.Reader
	Out io.Writer
	// Who says who speaks on the pipe. It is asked for each message, since what the
	// caller may do can change meanwhile.
	Who func() (*mcp.Caller, *mcp.Error)
	// Workspace is the URI of the directory that the client works in; empty if it is not known.
	Workspace string
	// Grace is how long calls may go on after the client has closed its end: 10 seconds unless it is set.
	Grace time.Duration
}

// ServeStdio answers one client on a pipe until it closes its end or ctx ends.
// Calls in flight are finished when the client has closed its end, and cancelled
// when they take longer than the grace, or when ctx ends (basic/transports, "stdio").
func ServeStdio(ctx context.Context, s Stdio, o Options) error {
	if s.Grace == 0 {
		s.Grace = closeGrace
	}
	var buf []byte
	p := newPipe(ctx, o, line{transport: "stdio", workspace: s.Workspace, who: s.Who, send: func(message []byte) error {
		buf = wire.AppendLine(buf[:0], message)
		_, err := s.Out.Write(buf)
		if cap(buf) > keptBuffer {
			buf = nil
		}
		return err
	}})
	err := p.readAll(ctx, s.In)
	p.close(s.Grace)
	return err
}

// readAll takes messages until the client closes its end or ctx ends. Reading from
// a pipe cannot be interrupted, so it has a goroutine of its own, which ends with
// the process when ctx ends first.
func (p *pipe) readAll(ctx context.Context, in io.Reader) error {
	most := p.MessageBytes()
	lines := make(chan []byte)
	failed := make(chan error, 1)
	go func() { failed <- readLines(ctx, in, most, lines) }()
	for {
		select {
		case <-ctx.Done():
			return nil
		case line := <-lines:
			if line == nil {
				p.refuse(nil, tooLong(most), nil)
				continue
			}
			p.take(line)
		case err := <-failed:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

func tooLong(most int) *mcp.Error {
	return mcp.Errorf(mcp.CodeInvalidRequest, mcp.Malformed, "the message is longer than %d bytes", most)
}

// readLines sends each line on lines, nil for one that is too long.
func readLines(ctx context.Context, in io.Reader, limit int, lines chan<- []byte) error {
	reader := wire.NewLineReader(in, limit)
	for {
		line, err := reader.Next()
		switch {
		case errors.Is(err, wire.ErrTooLong):
			line = nil
		case err != nil:
			return err
		default:
			line = bytes.Clone(line)
		}
		select {
		case lines <- line:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
