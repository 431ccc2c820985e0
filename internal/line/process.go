package line

import (
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Process is the line to a server that is our child: a message is a line of its standard input or output. Next is for one
// goroutine, Send for another.
type Process struct {
	child *sandbox.Child
	lines *wire.LineReader
	buf   []byte // of the writer
}

// NewProcess returns the line to a child, whose messages may have maxMessage bytes.
func NewProcess(child *sandbox.Child, maxMessage int) *Process {
	return &Process{child: child, lines: wire.NewLineReader(child, maxMessage)}
}

// Next returns the next line that is not blank; [wire.ErrTooLong] for one that was too long and was skipped.
func (p *Process) Next() ([]byte, error) { return p.lines.Next() }

// Send writes a line.
func (p *Process) Send(message []byte) error {
	p.buf = wire.AppendLine(p.buf[:0], message)
	_, err := p.child.Write(p.buf)
	if cap(p.buf) > mostKept {
		p.buf = nil
	}
	return err
}

// Close ends the process.
func (p *Process) Close() { p.child.Close() }

// Epitaph tells how the process has ended.
func (p *Process) Epitaph() string { return p.child.Epitaph() }
