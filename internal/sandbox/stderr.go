package sandbox

import (
	"bufio"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A stderr reads the standard error of a child without ever letting it wait, and logs as much of it as people can read:
// long lines are cut, and what comes too fast is counted and dropped.
type stderr struct {
	ctx  context.Context //nolint:containedctx // for the log
	log  *slog.Logger
	file *os.File
	done chan struct{} // closed when the file has ended

	mu   sync.Mutex
	last []string // the last lines, for when the server ends
}

// The bounds of what is logged of a server's standard error.
const (
	longestLine    = 2 << 10
	linesPerSecond = 10
	linesAtOnce    = 100
	linesInTail    = 4
)

// read reads the file to its end.
func (e *stderr) read() {
	defer close(e.done)
	defer closeAll(e.file)
	limit := rate.NewLimiter(linesPerSecond, linesAtOnce)
	dropped := 0
	lines := bufio.NewReaderSize(e.file, longestLine)
	for rest := false; ; {
		line, more, err := lines.ReadLine()
		if err != nil {
			break
		}
		isRest := rest
		rest = more
		if isRest || len(line) == 0 {
			continue
		}
		text := e.note(line)
		if !limit.AllowN(time.Now(), 1) {
			dropped++
			continue
		}
		e.tellDropped(dropped)
		dropped = 0
		e.log.LogAttrs(e.ctx, slog.LevelInfo, "server says", slog.String("text", text))
	}
	e.tellDropped(dropped)
}

func (e *stderr) tellDropped(n int) {
	if n > 0 {
		e.log.LogAttrs(e.ctx, slog.LevelWarn, "server says too much; lines dropped", slog.Int("lines", n))
	}
}

// note remembers a line among the last ones, and returns it as text.
func (e *stderr) note(line []byte) string {
	text := strings.ToValidUTF8(string(line), "\uFFFD")
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = append(e.last, shorten(text))
	if len(e.last) > linesInTail {
		e.last = append(e.last[:0], e.last[1:]...)
	}
	return text
}

// tail returns the last lines in one. It waits a moment for what is still in the pipe.
func (e *stderr) tail() string {
	timer := time.NewTimer(patience / 10)
	defer timer.Stop()
	select {
	case <-e.done:
	case <-timer.C:
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.last, " / ")
}

// close ends read although the server's own children may still hold their end.
func (e *stderr) close() { _ = e.file.Close() }

// shorten returns text so that it fits into an error.
func shorten(text string) string {
	const most = 200
	text = strings.TrimSpace(text)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
