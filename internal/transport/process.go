package transport

import (
	"fmt"
	"log/slog"

	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A process is the line to a server that is our child.
type process struct {
	child *sandbox.Child
	lines *wire.LineReader
	buf   []byte // of the writer
}

// startProcess starts the server's program.
func startProcess(s *Session) (conn, error) {
	child, err := sandbox.Start(s.root, *s.target.Command, s.log.With(slog.String("server", s.target.Name)))
	if err != nil {
		return nil, fmt.Errorf("server %q: %w", s.target.Name, err)
	}
	return newPipe(s, &process{child: child, lines: wire.NewLineReader(child, s.target.MaxMessage)}), nil
}

// Next returns the next line.
func (p *process) Next() ([]byte, error) { return p.lines.Next() }

// Send writes a line.
func (p *process) Send(message []byte) error {
	p.buf = wire.AppendLine(p.buf[:0], message)
	_, err := p.child.Write(p.buf)
	if cap(p.buf) > mostKept {
		p.buf = nil
	}
	return err
}

// Close ends the process.
func (p *process) Close() { p.child.Close() }

// Epitaph tells how the process has ended.
func (p *process) Epitaph() string { return p.child.Epitaph() }
