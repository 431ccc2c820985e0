package review

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/alert"
	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/usage"
)

// keys looks for keys that nobody uses, that never end, and that may do everything.
func (j *judge) keys() {
	for i := range j.Keys {
		k := &j.Keys[i]
		if k.Over(j.Now) {
			continue
		}
		wide := slices.Contains(j.expand(k.Scopes, k.Roles), keyring.Everything)
		if k.Created.Before(j.cutoff) && k.LastUsed.Before(j.cutoff) {
			severity, since := alert.Low, "was never used"
			if wide {
				severity = alert.Medium
			}
			if !k.LastUsed.IsZero() {
				since = "was last used on " + k.LastUsed.UTC().Format(time.DateOnly)
			}
			j.find(Finding{Kind: unusedKey, Subject: k.Name, Severity: severity, Text: "the key " + since, Command: "sumun key revoke " + quoted(k.Name)})
			continue
		}
		if k.Expires.IsZero() {
			j.find(Finding{Kind: endlessKey, Subject: k.Name, Severity: alert.Low, Text: "the key never ends", Command: "sumun key rotate " + quoted(k.Name) + " --expires 90d"})
		}
		if wide {
			j.find(Finding{
				Kind: boundless, Subject: k.Name, Severity: alert.Medium, Command: "sumun key revoke " + quoted(k.Name),
				Text: "the key may use everything, and has used " + listed(names(j.used[k.Name])) + "; make one with scopes that list these",
			})
		}
	}
}

// names returns the names of things, each once.
func names(things []usage.Thing) []string {
	all := make([]string, len(things))
	for i, t := range things {
		all[i] = t.Name
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// listed returns the first of some names.
func listed(names []string) string {
	const most = 8
	switch n := len(names); {
	case n == 0:
		return "nothing"
	case n > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), n-most)
	}
	return strings.Join(names, ", ")
}

// scopes looks for scopes that nobody has, that nobody uses, that name nothing, and that are wider than what was used.
func (j *judge) scopes() {
	for _, scope := range j.Config.ScopeNames() {
		verb, _, _ := strings.Cut(scope, ":")
		listed := j.Config.Scopes[scope].Names
		switch gone := j.gone(listed); {
		case verb == "deny": // what takes away is not too wide
		case len(j.holders[scope]) == 0:
			j.find(Finding{Kind: unheldScope, Subject: scope, Severity: alert.Low, Text: "no key and no token has the scope", Patch: j.without(scope)})
		case len(listed) == 0 || len(gone) == len(listed):
			j.find(Finding{Kind: emptyScope, Subject: scope, Severity: alert.Low, Text: "the scope names nothing that is offered", Patch: j.without(scope)})
		case j.enough && len(j.usedBy(scope, listed)) == 0:
			text := fmt.Sprintf("nothing that the scope lists was used by those who have it for %d days", j.Days)
			j.find(Finding{Kind: unusedScope, Subject: scope, Severity: alert.Low, Text: text, Patch: j.without(scope)})
		case len(gone) > 0:
			left := slices.DeleteFunc(slices.Clone(listed), func(p string) bool { return slices.Contains(gone, p) })
			j.find(Finding{
				Kind: emptyScope, Subject: scope, Severity: alert.Low, Patch: j.narrowed(scope, left),
				Text: "these of the scope name nothing that is offered: " + strings.Join(gone, ", "),
			})
		default:
			j.broad(scope, listed)
		}
	}
}

// gone returns the patterns that fit nothing that is offered; none where it is not known what is.
func (j *judge) gone(patterns []string) []string {
	var gone []string
	for _, p := range patterns {
		if len(j.offered) > 0 && len(j.there(p)) == 0 && !strings.Contains(p, "://") { // a URI may be one of a template
			gone = append(gone, p)
		}
	}
	return gone
}

func (j *judge) usedBy(scope string, patterns []string) []string {
	var all []string
	for _, p := range patterns {
		all = append(all, j.touched(scope, p)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// broad proposes the names that were used in the place of a pattern that fits much more.
func (j *judge) broad(scope string, patterns []string) {
	if !j.enough {
		return
	}
	var left, wide []string
	severity := alert.Low
	for _, p := range patterns {
		used, there := j.touched(scope, p), j.there(p)
		if !strings.Contains(p, "*") || len(there) < len(used)+3 || len(there) < 2*len(used) {
			left = append(left, p)
			continue
		}
		wide, left = append(wide, fmt.Sprintf("%s fits %d, of which %d were used", p, len(there), len(used))), append(left, used...)
		if p == "*" {
			severity = alert.Medium
		}
	}
	if len(wide) > 0 {
		slices.Sort(left)
		j.find(Finding{
			Kind: broadScope, Subject: scope, Severity: severity, Patch: j.narrowed(scope, slices.Compact(left)),
			Text: strings.Join(wide, "; "),
		})
	}
}

// without takes a scope out of the file.
func (j *judge) without(scope string) []Edit {
	edits := []Edit{{Op: remove, path: []string{"scopes", scope}}}
	for _, role := range sortedKeys(j.Config.Roles) {
		if scopes := j.Config.Roles[role]; slices.Contains(scopes, scope) {
			left := slices.DeleteFunc(slices.Clone(scopes), func(s string) bool { return s == scope })
			edits = append(edits, Edit{Op: replace, path: []string{"roles", role}, Value: left})
		}
	}
	return pointed(edits)
}

// narrowed lists other names in a scope.
func (j *judge) narrowed(scope string, names []string) []Edit {
	path := []string{"scopes", scope}
	if s := j.Config.Scopes[scope]; s.When != "" || s.StepUp {
		path = append(path, "names")
	}
	return pointed([]Edit{{Op: replace, path: path, Value: names}})
}

// roles looks for roles that nobody has.
func (j *judge) roles() {
	held := map[string]bool{}
	for i := range j.Keys {
		if k := &j.Keys[i]; !k.Over(j.Now) {
			for _, role := range k.Roles {
				held[role] = true
			}
		}
	}
	for _, given := range j.Config.Given() {
		for _, role := range given.Roles {
			held[role] = true
		}
	}
	for _, role := range sortedKeys(j.Config.Roles) {
		if !held[role] {
			j.find(Finding{Kind: unusedRole, Subject: role, Severity: alert.Info, Text: "no key and no token has the role", Patch: pointed([]Edit{{Op: remove, path: []string{"roles", role}}})})
		}
	}
}

// everUsed reports whether anybody has used the thing since the cutoff.
func (j *judge) everUsed(thing usage.Thing) bool {
	for _, things := range j.used {
		if slices.Contains(things, thing) {
			return true
		}
	}
	return false
}

// tools looks for tools of servers, and declared ones, that nobody uses.
func (j *judge) tools() {
	if !j.enough {
		return
	}
	for i := range j.Config.Servers {
		s := &j.Config.Servers[i]
		if s.Disabled {
			continue
		}
		allow := s.Tools.Allow
		used, idle := j.parted(func(r usage.Row) bool {
			allowed := len(allow) == 0 || slices.ContainsFunc(allow, func(p string) bool { return mcp.Match(p, r.Own) })
			return r.Kind == "tool" && r.Server == s.Name && allowed
		})
		if len(idle) == 0 {
			continue
		}
		f := Finding{Kind: unusedTools, Subject: s.Name, Severity: alert.Low, Text: fmt.Sprintf("nobody has used for %d days: %s", j.Days, listed(full(idle)))}
		if len(used) == 0 && !j.touchedAt(s.Name) {
			f.Text = fmt.Sprintf("nobody has used anything of the server for %d days", j.Days)
			f.Patch = pointed([]Edit{{Op: replace, path: []string{"servers", s.Name, "disabled"}, Value: true}})
		} else {
			f.Patch = pointed([]Edit{{Op: replace, path: []string{"servers", s.Name, "tools", "allow"}, Value: own(used)}})
		}
		j.find(f)
	}
	for i := range j.Config.Tools {
		name := j.Config.Tools[i].Name
		if _, idle := j.parted(func(r usage.Row) bool { return r.Kind == "tool" && r.Name == name }); len(idle) > 0 {
			j.find(Finding{
				Kind: unusedTools, Subject: name, Severity: alert.Low, Text: fmt.Sprintf("nobody has used the tool for %d days", j.Days),
				Patch: pointed([]Edit{{Op: remove, path: []string{"tools", name}}}),
			})
		}
	}
}

// parted returns what is offered and chosen, parted by whether it was used; what was not offered for long enough is neither.
func (j *judge) parted(choose func(usage.Row) bool) (used, idle []usage.Row) {
	for _, row := range j.offered {
		switch {
		case !choose(row) || row.Last.Before(j.Now.Add(-offeredLately)):
		case j.everUsed(row.Thing):
			used = append(used, row)
		case !row.First.After(j.cutoff):
			idle = append(idle, row)
		default:
			used = append(used, row)
		}
	}
	return used, idle
}

// offeredLately is how long ago something may have been offered that is still there: it is written once an hour while the gateway runs,
// which may have stood still since.
const offeredLately = 8 * 24 * time.Hour

// touchedAt reports whether anything else of a server was used.
func (j *judge) touchedAt(server string) bool {
	return slices.ContainsFunc(j.offered, func(r usage.Row) bool { return r.Server == server && j.everUsed(r.Thing) })
}

// resources looks for resources of the gateway's own that nobody uses: those whose URIs say whose they are.
func (j *judge) resources() {
	if !j.enough {
		return
	}
	for i := range j.Config.Resources {
		r := &j.Config.Resources[i]
		prefix := map[string]string{"cache": "cache://", "database": "sumun://database/", "object": "sumun://object/"}[r.Type]
		if prefix += r.Name + "/"; prefix == r.Name+"/" {
			continue
		}
		_, idle := j.parted(func(row usage.Row) bool { return row.Kind != "tool" && strings.HasPrefix(row.Name, prefix) })
		if len(idle) > 0 && !j.reached(prefix) {
			j.find(Finding{
				Kind: unusedThing, Subject: r.Name, Severity: alert.Low, Text: fmt.Sprintf("nobody has used anything of the resource for %d days", j.Days),
				Patch: pointed([]Edit{{Op: remove, path: []string{"resources", r.Name}}}),
			})
		}
	}
}

// reached reports whether anything below a URI was used.
func (j *judge) reached(prefix string) bool {
	for _, things := range j.used {
		if slices.ContainsFunc(things, func(t usage.Thing) bool { return strings.HasPrefix(t.Name, prefix) }) {
			return true
		}
	}
	return false
}

func full(rows []usage.Row) []string {
	all := make([]string, len(rows))
	for i, r := range rows {
		all[i] = r.Name
	}
	return all
}

func own(rows []usage.Row) []string {
	all := make([]string, len(rows))
	for i, r := range rows {
		all[i] = r.Own
	}
	slices.Sort(all)
	return slices.Compact(all)
}
