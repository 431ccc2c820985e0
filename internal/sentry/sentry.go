// Package sentry stands before the catalogue: what servers offer is let in if somebody has approved it, and held back otherwise, with an
// alert that says how it differs. It keeps alerts, and takes decisions on them.
package sentry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/audit"
	"github.com/sumun-mcp/sumun/internal/catalog"
	"github.com/sumun-mcp/sumun/internal/check"
	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/dialect"
	"github.com/sumun-mcp/sumun/internal/drift"
	"github.com/sumun-mcp/sumun/internal/inspect"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/pins"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// Kind is that of the alerts about servers that are not any more what was approved.
const Kind = "drift"

// Store is what keeps pins and alerts.
type Store interface {
	pins.Store
	alert.Store
}

// Options is what a Sentry works with. None may be nil.
type Options struct {
	Store Store
	// Mode says what becomes of a server's things that nobody has approved: belief.Enforce, Flag or Off.
	Mode func(server string) string
	// Tell tells people of an alert that is kept already.
	Tell func(ctx context.Context, a alert.Alert)
	// Publish has the catalogues made anew, and Again the lists of a server asked for again; an empty name stands for all.
	Publish func()
	Again   func(server string)
	// Record puts a decision on record.
	Record func(ctx context.Context, e audit.Event) error
	// Held are the things of a server that are held back now, or of all with an empty name.
	Held func(server string) []catalog.Thing
	Log  *slog.Logger
}

// A Sentry lets in what was approved. Its methods may be called concurrently; those of a nil Sentry, which a bridge has, let everything in.
type Sentry struct {
	Options
	pins     *pins.Pins
	detector *inspect.Detector

	mu sync.Mutex
	// back are the servers that have no open alert about something that is gone.
	back map[string]bool
	// untold are alerts about what stands in no catalogue yet.
	untold []alert.Alert
}

// Open returns a Sentry that knows what the store does. Close ends it.
func Open(ctx context.Context, o Options) *Sentry {
	s := &Sentry{Options: o, detector: inspect.New(), back: map[string]bool{}}
	s.pins = pins.New(ctx, pins.Options{Store: o.Store, Suspect: s.suspect, Changed: s.changed, Log: o.Log})
	return s
}

// Close ends following what other instances approve.
func (s *Sentry) Close() {
	if s != nil {
		s.pins.Close()
	}
}

// changed has what was approved take effect; of all servers at once when the store can be read at last.
func (s *Sentry) changed(server string) {
	if server == "" {
		s.Again("")
		return
	}
	s.Publish()
}

// suspect reports whether the words of a resource give orders.
func (s *Sentry) suspect(resource []byte) bool {
	for f := range s.detector.Subject(&trust.Subject{Resources: []json.RawMessage{resource}}) {
		if f.Band >= trust.BandWarn && f.Severity >= trust.Medium {
			return true
		}
	}
	return false
}

// Admit takes note of what a server offers, and raises an alert about what of that is not approved. An error says that nothing may be
// offered, since nobody knows what was approved.
func (s *Sentry) Admit(ctx context.Context, o *pins.Offer) error {
	if s == nil {
		return nil
	}
	mode := s.Mode(o.Server)
	if mode == belief.Off {
		return nil
	}
	drifts, err := s.pins.Observe(ctx, o)
	if err != nil {
		if mode == belief.Enforce {
			return err
		}
		s.Log.WarnContext(ctx, "a server is not compared with what was approved", slog.String("server", o.Server), slog.Any("error", err))
		return nil
	}
	for i := range drifts {
		s.raise(ctx, &drifts[i], mode)
	}
	s.closeReturned(ctx, o.Server)
	return nil
}

// Own pins the tools of the program itself.
func (s *Sentry) Own(ctx context.Context, server string, tools [][]byte) {
	if s != nil {
		s.pins.Own(ctx, server, tools)
	}
}

// Keep keeps an alert that was raised elsewhere.
func (s *Sentry) Keep(ctx context.Context, a *alert.Alert) error {
	if s == nil {
		return nil
	}
	_, err := s.Store.KeepAlert(ctx, &alert.Kept{Alert: *a})
	return err
}

// Given says that somebody is about to be shown what there is.
func (s *Sentry) Given() {
	if s != nil {
		s.pins.Given()
	}
}

// kindOf are the words for kinds.
var kindOf = map[mcp.Kind]string{
	mcp.Tool: trust.KindTool, mcp.Prompt: trust.KindPrompt, mcp.Resource: trust.KindResource, mcp.Template: trust.KindTemplate,
}

// HeldBack says whether something that a server lists is held back (catalog.Options).
func (s *Sentry) HeldBack(server string, kind mcp.Kind, name string, said []byte) (id string, known bool) {
	if s == nil || s.Mode(server) != belief.Enforce {
		return "", false
	}
	if id = s.pins.Held(server, kindOf[kind], name, said); id != "" {
		_, _, known = s.pins.Pin(server, kindOf[kind], name, said)
	}
	return id, known
}

// HeldInstructions says whether what a server tells models is held back.
func (s *Sentry) HeldInstructions(server, instructions string) bool {
	return s != nil && s.Mode(server) == belief.Enforce && s.pins.Held(server, trust.KindInstructions, "", pins.Instructions(instructions)) != ""
}

// HeldPlace returns the error for a URI that a server does not list, where it lies in no place that is approved.
func (s *Sentry) HeldPlace(server, uri string) error {
	if s == nil || s.Mode(server) != belief.Enforce {
		return nil
	}
	if id := s.pins.HeldPlace(server, uri); id != "" {
		return mcp.Errorf(mcp.CodeInvalidParams, mcp.Blocked, "%s is in no place where the server %s has resources that were approved", uri, server)
	}
	return nil
}

// Pin tells what is approved of a tool, and what it is.
func (s *Sentry) Pin(server string, said []byte) dialect.Pin {
	name, _ := wire.Unquote(wire.Get(said, "name"))
	var p dialect.Pin // what cannot be pinned may have neither
	p.Digest, _ = trust.Digest(said)
	if s != nil {
		if pin, _, ok := s.pins.Pin(server, trust.KindTool, name, said); ok {
			p.Checksum = pin.Checksum
			return p
		}
	}
	p.Checksum, _ = trust.Checksum(wire.Get(said, "inputSchema"))
	return p
}

// Since returns since when a tool is approved as it is; changed says that it was approved in another form.
func (s *Sentry) Since(server string, said []byte) (since time.Time, changed bool) {
	if s == nil {
		return since, false
	}
	name, _ := wire.Unquote(wire.Get(said, "name"))
	pin, drifted, ok := s.pins.Pin(server, trust.KindTool, name, said)
	if ok && !drifted {
		since = pin.Since
	}
	return since, drifted
}

// raise keeps an alert about a drift, and tells of it if that is news.
func (s *Sentry) raise(ctx context.Context, d *pins.Drift, mode string) {
	k := alert.Kept{
		Alert:  alert.Alert{ID: d.ID, Kind: Kind, Server: d.Server, Subject: d.Name, At: time.Now(), Count: 1, IsKept: true},
		Change: alert.Change{What: d.What, Kind: d.Kind, Name: d.Name, Digest: d.Digest, Checksum: d.Checksum, Audience: d.Audience, Before: d.Before, After: d.Definition},
	}
	if d.What == "" {
		k.Severity, k.Text = alert.High, "the server offers more that nobody has approved than is told of one by one; the rest is held back too"
		k.Remedy = "sumun alert list; when some are decided on, others are told of"
	} else {
		s.describe(ctx, d, &k, mode)
	}
	if d.What == trust.Removed {
		s.mu.Lock()
		delete(s.back, d.Server)
		s.mu.Unlock()
	}
	news, err := s.Store.KeepAlert(ctx, &k)
	if err != nil {
		s.Log.ErrorContext(ctx, "an alert is not kept", slog.String("id", k.ID), slog.Any("error", err))
	}
	switch {
	case !news && err == nil:
	case d.What == trust.Removed: // who may see it can be told now; soon nobody sees it
		s.Tell(ctx, k.Alert)
	default:
		s.mu.Lock()
		defer s.mu.Unlock()
		s.untold = append(s.untold, k.Alert)
	}
}

// Announce tells of what has changed, once a catalogue is made in which it can be seen who may see it.
func (s *Sentry) Announce(ctx context.Context) {
	if s == nil {
		return
	}
	s.mu.Lock()
	untold := s.untold
	s.untold = nil
	s.mu.Unlock()
	for i := range untold {
		s.Tell(ctx, untold[i])
	}
}

// describe says what a drift is, in words.
func (s *Sentry) describe(ctx context.Context, d *pins.Drift, k *alert.Kept, mode string) {
	diff := s.explain(ctx, d.Server, &k.Change)
	k.Severity = alert.Severity(diff.Severity)
	what := d.Kind
	if what == pins.KindPlace {
		what = "place of resources"
	}
	switch d.What {
	case trust.Added:
		k.Text = "the server offers a " + what + " that nobody has approved"
	case trust.Changed:
		k.Text = "the " + what + " is not any more what was approved"
	case trust.Removed:
		k.Text = "the " + what + " that was approved is not offered any more"
	}
	if d.Kind == trust.KindInstructions {
		k.Text, k.Subject = "what the server tells models is not any more what was approved", trust.KindInstructions
	}
	if mode == belief.Enforce && d.What != trust.Removed {
		k.Text += "; it is held back"
	}
	k.Remedy = "sumun alert show " + d.ID + "; sumun alert approve " + d.ID
	k.Evidence = evidence(d, &diff)
}

// evidence is what an alert says beside its text: checksums and digests, the differences, the risk.
func evidence(d *pins.Drift, diff *drift.Diff) []byte {
	const mostLines = 12
	lines := diff.Lines
	if len(lines) > mostLines {
		lines = append(slices.Clone(lines[:mostLines]), fmt.Sprintf("… and %d more", len(lines)-mostLines))
	}
	o := wire.Object(nil).Text("what", d.What).Text("thing", d.Kind)
	if d.Was != nil {
		o = o.Text("checksum", d.Was.Checksum).Text("digest", d.Was.Digest)
	}
	o = o.Text("now", d.Checksum).Text("nowDigest", d.Digest)
	text, _ := json.Marshal(lines)
	o = o.Member("changes", text).Text("risk", diff.Risk)
	var rules []string
	for i := range diff.Findings {
		if !slices.Contains(rules, diff.Findings[i].Rule) {
			rules = append(rules, diff.Findings[i].Rule)
		}
	}
	if rules != nil {
		text, _ = json.Marshal(rules)
		o = o.Member("findings", text)
	}
	return o.End()
}

// explain tells how a thing differs, and whether its name looks like that of another or was that of another.
func (s *Sentry) explain(ctx context.Context, server string, c *alert.Change) drift.Diff {
	of := drift.Change{Kind: c.Kind, Name: c.Name, Before: c.Before, After: c.After}
	if c.What == trust.Added && (c.Kind == trust.KindTool || c.Kind == trust.KindPrompt) {
		names, _ := s.pins.Names(server, c.Kind)
		if i := slices.IndexFunc(names, func(name string) bool { return name != c.Name && check.Skeleton(name) == check.Skeleton(c.Name) }); i >= 0 {
			of.Resembles, of.Alike = names[i], true
		}
		if old := s.renamed(ctx, server, c, names); old != "" {
			of.Resembles, of.Renamed, of.Alike = old, true, check.Skeleton(old) == check.Skeleton(c.Name)
		}
	}
	return drift.Explain(s.detector, &of)
}

// renamed returns the name of a thing that is not offered any more and was the same but for its name; empty if there is none.
func (s *Sentry) renamed(ctx context.Context, server string, c *alert.Change, names []string) string {
	const most = 50
	tried := 0
	for _, name := range names {
		if s.pins.Offered(server, c.Kind, name, c.Audience) || tried == most {
			continue
		}
		tried++
		pin, _, ok := s.pins.Pin(server, c.Kind, name, nil)
		if !ok {
			continue
		}
		was, err := s.Store.Definition(ctx, &pin)
		if err == nil && was != nil && nameless(was) == nameless(c.After) {
			return name
		}
	}
	return ""
}

// nameless returns the digest of a thing without its name.
func nameless(raw []byte) string {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var all map[string]any
	if decoder.Decode(&all) != nil {
		return string(raw)
	}
	delete(all, "name")
	text, _ := json.Marshal(all) // it was read from JSON
	digest, err := trust.ItemDigest(text)
	if err != nil {
		return string(raw)
	}
	return digest
}

// closeReturned closes the alerts about things of a server that were gone and are offered again.
func (s *Sentry) closeReturned(ctx context.Context, server string) {
	s.mu.Lock()
	known := s.back[server]
	s.back[server] = true
	s.mu.Unlock()
	if known {
		return
	}
	open, err := s.Store.Alerts(ctx, alert.Filter{Server: server, Kind: Kind})
	left := err != nil
	for i := range open {
		k := &open[i]
		if k.Change.What != trust.Removed {
			continue
		}
		if !s.pins.Offered(server, k.Change.Kind, k.Change.Name, k.Change.Audience) {
			left = true
			continue
		}
		_, failed := s.Store.DecideAlert(ctx, k.ID, alert.Dismissed, "sumun", "it is offered again")
		err = errors.Join(err, failed)
	}
	if err != nil {
		s.Log.WarnContext(ctx, "alerts about what is gone were not looked at", slog.String("server", server), slog.Any("error", err))
	}
	if left {
		s.mu.Lock()
		delete(s.back, server)
		s.mu.Unlock()
	}
}
