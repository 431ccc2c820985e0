package redact

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
)

// Handler returns a handler that writes what next writes, without the secrets in messages and attributes. Rules is asked for the rules
// in force at each line; nil asks for the built-in kinds.
func Handler(next slog.Handler, rules func() *Rules) slog.Handler {
	if rules == nil {
		rules = func() *Rules { return nil }
	}
	return &handler{next, rules}
}

type handler struct {
	next  slog.Handler
	rules func() *Rules
}

// Enabled reports what the handler behind says.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle passes a line on without its secrets. One without any passes as it is.
func (h *handler) Handle(ctx context.Context, line slog.Record) error {
	r := h.rules()
	message := r.Clean(line.Message)
	changed := message != line.Message
	line.Attrs(func(a slog.Attr) bool {
		_, was := r.attr(a)
		changed = changed || was
		return !changed
	})
	if !changed {
		return h.next.Handle(ctx, line)
	}
	clean := slog.NewRecord(line.Time, line.Level, message, line.PC)
	line.Attrs(func(a slog.Attr) bool {
		a, _ = r.attr(a)
		clean.AddAttrs(a)
		return true
	})
	return h.next.Handle(ctx, clean)
}

// WithAttrs returns a handler with attributes on each line, without their secrets.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	attrs, _ = h.rules().attrs(attrs)
	return &handler{h.next.WithAttrs(attrs), h.rules}
}

// WithGroup returns a handler that writes attributes in a group.
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.next.WithGroup(name), h.rules}
}

// attr returns an attribute without its secrets, and whether it had some.
func (r *Rules) attr(a slog.Attr) (_ slog.Attr, changed bool) {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindGroup:
		group, changed := r.attrs(v.Group())
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(group...)}, changed
	case slog.KindString:
		text := v.String()
		clean := r.Clean(text)
		return slog.String(a.Key, clean), clean != text
	case slog.KindAny:
		text := fmt.Sprintf("%+v", v.Any())
		if clean := r.Clean(text); clean != text {
			return slog.String(a.Key, clean), true
		}
	default: // numbers and times
	}
	return a, false
}

func (r *Rules) attrs(attrs []slog.Attr) (_ []slog.Attr, changed bool) {
	for i, a := range attrs {
		clean, was := r.attr(a)
		if !was {
			continue
		}
		if !changed {
			attrs, changed = slices.Clone(attrs), true
		}
		attrs[i] = clean
	}
	return attrs, changed
}
