package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"strings"

	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/document"
	"github.com/sumun-mcp/sumun/internal/files"
)

// onRecord puts what the gate itself does on the audit record. What it does is not
// undone where that fails; the log tells then.
func (g *Gateway) onRecord(ctx context.Context, e audit.Event) {
	if err := g.audit.Event(context.WithoutCancel(ctx), e); err != nil {
		g.log.ErrorContext(ctx, "something is not on record", slog.Any("error", err))
	}
}

// started puts on record that the gate serves, and with what.
func (g *Gateway) started(ctx context.Context, cfg *config.Config) {
	detail := fileDetail(cfg.Path)
	detail["version"], detail["listen"] = g.parts.Version, cfg.Listen
	g.onRecord(ctx, audit.Event{Kind: audit.GatewayStarted, Subject: g.instance, Detail: detail})
}

// configured puts on record what a change of the configuration has come to: that of the
// keys of a file, or that it was refused.
func (g *Gateway) configured(ctx context.Context, before, after *config.Config, err error) {
	path := g.file()
	detail := fileDetail(path)
	kind := audit.ConfigRefused
	if err == nil {
		kind, detail["keys"] = audit.ConfigChanged, document.Changes(before, after)
	} else {
		detail["faults"] = faultsOf(err)
	}
	g.onRecord(ctx, audit.Event{Kind: kind, Subject: path, Detail: detail})
}

// fileDetail tells a file apart from what it was at other times.
func fileDetail(path string) map[string]any {
	detail := map[string]any{}
	if sum := files.Digest(path); sum != nil {
		detail["file"], detail["sha256"] = path, hex.EncodeToString(sum)
	}
	return detail
}

// An omission is what a server offers that clients are not shown.
type omission struct {
	told  []string // the first of it
	count int
	sum   hash.Hash // tells it apart from others
}

// omissions are those of a catalogue, by servers.
func omissions(c *catalog.Catalog) map[string]*omission {
	const most = 20
	all := map[string]*omission{}
	for _, w := range c.Warnings() {
		if !strings.HasPrefix(w.Problem, "left out") {
			continue
		}
		o := all[w.Server]
		if o == nil {
			o = &omission{sum: sha256.New()}
			all[w.Server] = o
		}
		said := w.Name + ": " + w.Problem
		fmt.Fprintf(o.sum, "%q\n", said)
		if o.count++; o.count <= most {
			o.told = append(o.told, said)
		}
	}
	return all
}

// leftOut puts on record what servers offer that clients are not shown: a record for each
// server, when that is not what it was. It does not wait.
func (g *Gateway) leftOut(c *catalog.Catalog) {
	for server, o := range omissions(c) {
		if g.leftOuts.First(server + string(o.sum.Sum(nil))) {
			e := audit.Event{Kind: audit.Withheld, Subject: server, Detail: map[string]any{"leftOut": o.told, "count": o.count}}
			g.watching.Go(func() { g.onRecord(g.draining, e) })
		}
	}
}

// faultsOf tells what is wrong with a file, without the lines of it.
func faultsOf(err error) []string {
	const most = 20
	faults, ok := errors.AsType[config.Faults](err)
	if !ok {
		return []string{err.Error()}
	}
	var told []string
	for _, f := range faults[:min(len(faults), most)] {
		told = append(told, fmt.Sprintf("%d:%d %s", f.Line, f.Column, f.Message))
	}
	return told
}
