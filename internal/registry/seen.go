package registry

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

// seenEvery is how often at most it is written down that a server was seen that has not changed.
const seenEvery = time.Hour

// Seen notes what a server lists. It does not wait: what follows is written down by and by.
func (r *Registry) Seen(server string, l *mcp.Listing) {
	if r == nil {
		return
	}
	r.mu.Lock()
	r.seen[server] = l
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// watch writes down what is seen of servers: when one gives its lists, and now and then, since signatures end and alerts are raised.
func (r *Registry) watch(ctx context.Context) {
	timer := time.NewTicker(again)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-timer.C:
		}
		if err := r.writeDown(ctx); err != nil && ctx.Err() == nil {
			r.Log.WarnContext(ctx, "what was seen of servers is not written down", slog.Any("error", err))
		}
	}
}

func (r *Registry) writeDown(ctx context.Context) error {
	c := r.config()
	if c == nil {
		return nil
	}
	r.mu.Lock()
	seen := maps.Clone(r.seen)
	r.mu.Unlock()
	there := map[string]bool{}
	for i := range c.Servers {
		s := &c.Servers[i]
		if there[s.Name] = !s.Disabled; s.Disabled || seen[s.Name] == nil {
			continue
		}
		for _, id := range identities(s) {
			if e := r.now.Load().byID[IDOf(id.Target)]; e != nil && (e.Listed || configured(c, e.Name) != nil) {
				id.Name = e.Name // two names may stand for one server
			}
			if err := r.note(ctx, r.sight(s, id, seen[s.Name])); err != nil {
				return err
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.seen, func(server string, _ *mcp.Listing) bool { return !there[server] })
	return nil
}

// A sight is what is seen of a server.
type sight struct {
	Identity

	software, version string
	tools             []string
	authentication    trust.Authentication
	worries           []Worry
}

// sight puts together what is seen of a server at one of its addresses.
func (r *Registry) sight(s *config.Server, id Identity, l *mcp.Listing) *sight {
	name, _ := wire.Unquote(wire.Get(l.Info, "name"))
	version, _ := wire.Unquote(wire.Get(l.Info, "version"))
	v := &sight{Identity: id, software: short(name), version: short(version), authentication: shown(s)}
	v.tools = names(len(l.Tools), func(i int) []byte { return l.Tools[i] })
	if r.Signers != nil {
		v.Signers = slices.Sorted(slices.Values(r.Signers(s.Name)))
	}
	if r.Worries != nil {
		v.worries = r.Worries(s.Name)
	}
	return v
}

// shown is what the gateway shows a server of itself, which is what the server asks for as far as that can be told without trying: one
// that answers although it is shown nothing asks for nothing.
func shown(s *config.Server) trust.Authentication {
	switch {
	case s.URL == "":
		return trust.AuthNone
	case s.OAuth != nil || s.Credentials == "caller":
		return trust.AuthStrong
	case len(s.Headers) > 0 && s.Credentials != "none":
		return trust.AuthStatic
	}
	return trust.AuthNone
}

// note writes down what is seen of a server, if that is news.
func (r *Registry) note(ctx context.Context, s *sight) error {
	now := time.Now().UTC().Truncate(time.Second)
	id := IDOf(s.Target)
	if e := r.now.Load().byID[id]; e != nil {
		is := *e
		s.onto(&is, now)
		if now.Sub(e.Seen) < seenEvery && len(differences(e, &is)) == 0 && is.Steady.Equal(e.Steady) && e.Known != nil && e.Name == s.Name &&
			slices.Equal(e.Known.Reasons, is.Known.Reasons) {
			return nil
		}
	}
	err := r.change(ctx, []string{id}, func(c *Change) error {
		e, was, err := c.entry(s.Identity, now)
		if err != nil {
			return err
		}
		s.onto(e, now)
		if changes := differences(was, e); len(changes) > 0 || was.Seen.IsZero() {
			event := e.event(wasSeen, now)
			event.Changes = changes
			c.Events = append(c.Events, event)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("server %s: %w", s.Name, err)
	}
	return nil
}

// onto puts what is seen onto an entry.
func (s *sight) onto(e *Entry, now time.Time) {
	e.Software, e.Version, e.Tools, e.Signers, e.Seen = s.software, s.version, s.tools, s.Signers, now
	for _, w := range s.worries {
		if w.Kind == "drift" && w.At.After(e.Steady) {
			e.Steady = w.At.UTC().Truncate(time.Second)
		}
	}
	subject := &trust.Subject{
		Name: s.Name, Target: s.Target, Transport: s.Transport, Loopback: isLocal(s.Target), TLS: isEncrypted(s.Target), Software: s.software,
		Version: s.version, Authentication: s.authentication, Signed: s.Signers, Days: int(now.Sub(e.Steady) / (24 * time.Hour)),
	}
	e.Known = &Judgement{Verdict: bounded(trust.Grade(subject, findings(s.worries))), At: now, Version: s.version}
}

// findings returns open alerts as findings, which cost what findings of their severity do.
func findings(worries []Worry) []trust.Finding {
	var all []trust.Finding
	for _, w := range worries {
		all = append(all, trust.Finding{
			Rule: sightRoom + w.Kind, Severity: w.Severity, Band: trust.BandWarn, Message: "an alert is open: " + short(w.Text), Fingerprint: w.Text,
		})
	}
	return all
}

// names returns the names of as many elements of a list as are kept, in order.
func names(n int, element func(int) []byte) []string {
	var all []string
	for i := range min(n, maxTools) {
		if name, ok := wire.Unquote(wire.Get(element(i), "name")); ok && name != "" && len(name) <= maxText {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// config returns the configuration in force, nil if there is none yet.
func (r *Registry) config() *config.Config {
	if r == nil || r.Config == nil {
		return nil
	}
	return r.Config()
}

// configured returns the server of that name, nil if there is none.
func configured(c *config.Config, name string) *config.Server {
	for i := range c.Servers {
		if c.Servers[i].Name == name {
			return &c.Servers[i]
		}
	}
	return nil
}

// identities returns who a server of the configuration is: one at each of its addresses.
func identities(s *config.Server) []Identity {
	all := []Identity{IdentityOf(s)}
	for _, one := range s.Replicas {
		all = append(all, Identity{Name: s.Name, Target: URLTarget(one), Transport: s.Type})
	}
	return all
}

func join(words []string) string { return strings.Join(words, " ") }
