package box

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/sandbox/box/launch"
)

// A view is what a program has before it, by names.
type view struct {
	seen      []string        // trees that can be read
	changed   []string        // trees that can be changed
	scratch   []string        // those of them that begin empty
	made      map[string]bool // what is in those
	sockets   []string        // unix sockets that were named
	lite      bool
	network   bool
	ports     []int
	synthetic netip.Prefix
}

func viewOf(o *launch.Order) view {
	v := view{made: map[string]bool{}, network: o.Network, ports: o.Ports, synthetic: netip.MustParsePrefix(Synthetic)}
	for _, b := range o.Binds {
		v.seen = append(v.seen, b.Path)
		if place, err := filepath.EvalSymlinks(b.Path); o.Lite && err == nil && place != b.Path { // a full box has it under the one name
			v.seen = append(v.seen, place)
			if b.Write {
				v.changed = append(v.changed, place)
			}
		}
		if status, err := os.Stat(b.Path); err == nil && status.Mode()&os.ModeSocket != 0 {
			v.sockets = append(v.sockets, b.Path)
		}
		if b.Write {
			v.changed = append(v.changed, b.Path)
		}
	}
	for _, link := range o.Links {
		v.seen = append(v.seen, link[0])
	}
	if o.Lite {
		v.lite = true
		v.seen, v.changed = append(v.seen, "/proc", o.Home), append(v.changed, o.Home)
		return v
	}
	for _, f := range o.Files {
		v.seen = append(v.seen, f.Path)
	}
	v.scratch = launch.Scratch(o.Home)
	v.seen = slices.Concat(v.seen, v.scratch, []string{"/proc"})
	v.changed = slices.Concat(v.changed, v.scratch, []string{"/dev/fd", "/dev/stdin", "/dev/stdout", "/dev/stderr", "/proc/self/fd"})
	return v
}

// refuses reports whether a file that is opened or changed under that name is one that the machine has and the box has not, or
// not for changing. That there is no file of that name at all is no refusal.
func (v *view) refuses(name string, change bool) bool {
	tree := deepest(v.seen, name)
	switch {
	case change:
		return !v.writable(name)
	case within(name, "/proc/1"), within(name, "/proc/kcore"), within(name, "/proc/kallsyms"), v.lite && ofKernel(name):
		return true
	case tree == name, slices.ContainsFunc(v.seen, func(tree string) bool { return within(tree, name) }): // or on the way to one
		return false
	case slices.Contains(v.scratch, tree):
		return !v.made[name] && v.exists(name)
	}
	return tree == "" && v.exists(name)
}

// ofKernel reports whether a file of /proc is for the machine's owner alone.
func ofKernel(name string) bool {
	rest, ok := strings.CutPrefix(name, "/proc/")
	first, _, _ := strings.Cut(rest, "/")
	if !ok || first == "" || first[0] >= '0' && first[0] <= '9' {
		return false
	}
	status, err := os.Lstat("/proc/" + first)
	return err == nil && status.Mode()&0o004 == 0
}

// writable reports whether a file of that name may be changed. The deepest tree counts.
func (v *view) writable(name string) bool {
	tree := deepest(v.changed, name)
	if tree == "" || len(deepest(v.seen, name)) > len(tree) {
		return false
	}
	if slices.Contains(v.scratch, tree) {
		if above := filepath.Dir(name); !v.made[above] && len(deepest(v.scratch, above)) < len(above) && v.exists(above) {
			return false // a directory of the machine's, which is not there
		}
		if len(v.made) < mostMade {
			v.made[name] = true
		}
	}
	return true
}

// mostMade is how many names in scratch memory are remembered.
const mostMade = 4096

// deepest returns the longest of the trees that name is in; empty if it is in none.
func deepest(trees []string, name string) (found string) {
	for _, tree := range trees {
		if len(tree) > len(found) && within(name, tree) {
			found = tree
		}
	}
	return found
}

// exists reports whether the machine has a file of that name, or keeps even us from knowing. What every runtime looks for and does without is
// not worth telling.
func (*view) exists(name string) bool {
	if within(name, "/sys") || name == "/etc/nsswitch.conf" {
		return false
	}
	_, err := os.Lstat(name)
	return err == nil || os.IsPermission(err)
}
