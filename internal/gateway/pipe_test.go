package gateway_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/gateway"
)

// A pipeClient speaks to the gate on a pipe, one line a message.
type pipeClient struct {
	in    io.WriteCloser
	lines chan string
	ended chan error
}

// pipe opens a client on a pipe, with the caller named local.
func (g *gate) pipe(t *testing.T) *pipeClient {
	t.Helper()
	inRead, inWrite := io.Pipe()
	outRead, outWrite := io.Pipe()
	p := &pipeClient{in: inWrite, lines: make(chan string, 10_000), ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	go func() {
		p.ended <- g.ServePipe(ctx, "", gateway.Pipe{In: inRead, Out: outWrite})
		outWrite.Close()
		inRead.Close() // who still sends is told so
	}()
	go func() {
		defer close(p.lines)
		s := bufio.NewScanner(outRead)
		s.Buffer(nil, 16<<20)
		for s.Scan() {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() {
		inWrite.Close()
		select {
		case <-p.ended:
		case <-time.After(10 * time.Second):
			t.Error("the pipe's client left, but the gate still serves it")
		}
		cancel()
	})
	return p
}

// send writes one message.
func (p *pipeClient) send(t *testing.T, raw string) {
	t.Helper()
	if _, err := io.WriteString(p.in, raw+"\n"); err != nil {
		t.Fatal(err)
	}
}

// next returns the next message.
func (p *pipeClient) next(t *testing.T) string {
	t.Helper()
	select {
	case line := <-p.lines:
		return line
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came on the pipe")
		return ""
	}
}

func (p *pipeClient) exchange(t *testing.T, raw string) string {
	t.Helper()
	p.send(t, raw)
	return p.next(t)
}

// initialize makes the handshake of the legacy era.
func (p *pipeClient) initialize(t *testing.T, capabilities string) string {
	t.Helper()
	answer := p.exchange(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":%q,"capabilities":%s,`+
		`"clientInfo":{"name":"test","version":"1"}}}`, legacyRevision, capabilities))
	p.send(t, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return answer
}
