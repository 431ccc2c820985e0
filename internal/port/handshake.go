package port

import (
	"context"
	"log/slog"
	"strings"
)

// A handshakes takes what package net/http has to say of connections, for that is all that it tells of handshakes that fail.
type handshakes struct {
	slog.Handler

	refused func(ctx context.Context, remote, why string)
}

// Enabled reports that everything is to be handled.
func (h *handshakes) Enabled(context.Context, slog.Level) bool { return true }

// Handle tells of a handshake that was refused, and hands on what the log is to have.
func (h *handshakes) Handle(ctx context.Context, r slog.Record) error {
	if remote, why, refused := handshake(r.Message); refused && h.refused != nil {
		h.refused(ctx, remote, why)
	}
	if !h.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}

// broken are what errors say where a client has gone, or did not like us, which is no refusal of ours.
var broken = []string{"EOF", "connection reset", "broken pipe", "i/o timeout", "deadline exceeded", "use of closed", "remote error"}

// handshake reads what net/http says of a handshake, and reports whether we have refused it: for a certificate that is missing or that
// nobody vouches for, or for a client that speaks nothing that we do.
func handshake(message string) (remote, why string, refused bool) {
	const longest = 500
	rest, ok := strings.CutPrefix(message, "http: TLS handshake error from ")
	if !ok {
		return "", "", false
	}
	remote, why, ok = strings.Cut(rest, ": ")
	for _, b := range broken {
		ok = ok && !strings.Contains(why, b)
	}
	if len(why) > longest { // it may have the names of a certificate
		why = strings.ToValidUTF8(why[:longest], "") + "…"
	}
	return remote, why, ok
}
