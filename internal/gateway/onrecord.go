package gateway

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"github.com/sumun-mcp/sumun/internal/audit"
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
