package pins

import (
	"cmp"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Observe takes note of the tools that a server lists: those that are new are pinned, the others compared. Own says that they are part
// of this program, and change with it: they are pinned again instead. It does not wait for the store, and costs a hash of each tool
// when none has changed. The tools are elements of tools/list that have been scanned; nothing of them is kept.
func (p *Pins) Observe(server string, tools [][]byte, own bool) {
	unknown := p.unknown(server, tools, own)
	if len(unknown) == 0 {
		return
	}
	var drifts []Drift
	p.mu.Lock()
	for i := range unknown {
		if drift := p.take(server, &unknown[i], own); drift != nil {
			drifts = append(drifts, *drift)
		}
	}
	p.mu.Unlock()
	p.tell(drifts)
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

// unknown returns those tools that have not been seen in this form lately, and own ones that are pinned in another, with it.
func (p *Pins) unknown(server string, tools [][]byte, own bool) []sighting {
	var all, unknown []sighting
	for _, raw := range tools {
		if s, ok := sight(raw); ok {
			all = append(all, s)
		}
	}
	p.mu.RLock()
	all = slices.DeleteFunc(all, func(s sighting) bool {
		t := p.find(server, s.name)
		if t == nil {
			return false
		}
		form := t.known(s.sum)
		return form != Form{} && (!own || form == t.pin.Form)
	})
	p.mu.RUnlock()
	for _, s := range all {
		if s.look() {
			unknown = append(unknown, s)
		}
	}
	return unknown
}

// take takes note of a form of a tool, and returns the drift if that is news. The lock is held.
func (p *Pins) take(name string, s *sighting, own bool) *Drift {
	from := p.of(name)
	t := from.tools[s.name]
	if t == nil {
		if len(from.tools) >= maxTools {
			if !from.full {
				p.Log.Warn("a server has listed more tools than are pinned", slog.String("server", name), slog.Int("pinned", maxTools))
			}
			from.full = true
			return nil
		}
		t = &tool{}
		from.tools[s.name] = t
	}
	t.own = own
	if t.pin.Digest == "" || own && t.pin.Form != s.form {
		t.pin = Pin{Server: name, Tool: s.name, Form: s.form, FirstSeen: time.Now().Truncate(time.Second)}
		if own {
			t.pin.Version = cmp.Or(p.Version, "unknown")
		}
		p.write(from, t.pin, s.raw)
	}
	t.remember(s)
	drift := t.drift(s.form)
	if drift == nil || from.mayTell() {
		return drift
	}
	if !from.muted {
		p.Log.Warn("a server changes its tools faster than that is told", slog.String("server", name))
	}
	from.muted = true
	return nil
}

// mayTell reports whether a drift may be told of: a server can make up new ones without end.
func (s *server) mayTell() bool {
	may := s.tells.Allow()
	if may {
		s.muted = false
	}
	return may
}

// write has a pin stored. The lock is held.
func (p *Pins) write(from *server, pin Pin, definition []byte) {
	if p.Store == nil {
		return
	}
	if from.bytes += len(definition); from.bytes <= maxBytes {
		pin.Definition = slices.Clone(definition)
	}
	p.pending[id{pin.Server, pin.Tool}] = &pin
}

func (t *tool) remember(s *sighting) {
	if t.known(s.sum) != (Form{}) {
		return
	}
	if len(t.forms) == maxForms {
		t.forms = slices.Delete(t.forms, 0, 1)
	}
	t.forms = append(t.forms, sighting{sum: s.sum, form: s.form})
}

// drift returns that a form is not the one that is pinned, nil if it is or if that was told before.
func (t *tool) drift(now Form) *Drift {
	if now == t.pin.Form || t.own || slices.Contains(t.told, now) {
		return nil
	}
	if len(t.told) == maxForms {
		t.told = slices.Delete(t.told, 0, 1)
	}
	t.told = append(t.told, now)
	return &Drift{t.pin, now}
}

// adopt takes over a pin that the store has, and returns the drifts from it that are news. Own tools stay as they are.
func (p *Pins) adopt(pin *Pin) []Drift {
	p.mu.Lock()
	defer p.mu.Unlock()
	from := p.of(pin.Server)
	t := from.tools[pin.Tool]
	if t == nil {
		t = &tool{}
		from.tools[pin.Tool] = t
	}
	if t.own {
		return nil
	}
	t.pin = *pin
	delete(p.pending, id{pin.Server, pin.Tool})
	var drifts []Drift
	for i := range t.forms {
		if drift := t.drift(t.forms[i].form); drift != nil {
			drifts = append(drifts, *drift)
		}
	}
	return drifts
}

// tell tells of drifts. The lock is not held.
func (p *Pins) tell(drifts []Drift) {
	for _, d := range drifts {
		p.Log.Debug("a tool is not what it was when it was first seen",
			slog.String("server", d.Pin.Server), slog.String("tool", short(d.Pin.Tool)), slog.Time("first_seen", d.Pin.FirstSeen),
			slog.Bool("schema_changed", d.Now.Checksum != d.Pin.Checksum), slog.String("was", d.Pin.Digest), slog.String("is", d.Now.Digest))
		if p.Changed != nil {
			p.Changed(d)
		}
	}
}

// short returns the beginning of a name that may be long.
func short(name string) string {
	const most = 200
	if len(name) > most {
		return strings.ToValidUTF8(name[:most], "") + "…"
	}
	return name
}
