// Package seccomp makes the filters that decide about the system calls of a boxed program. A filter is an allow-list: what it does not
// name is put to the supervisor of the box, who refuses it and tells of it.
package seccomp

import (
	"slices"
	"strings"
)

//go:generate go run generate.go amd64 arm64

// An Arch is a processor architecture: the numbers that its kernel gives to system calls.
type Arch struct {
	audit uint32 // how a filter is told of it
	names []string
}

// The architectures that filters can be made for.
var (
	AMD64 = Arch{audit: 0xC000003E, names: amd64Names[:]}
	ARM64 = Arch{audit: 0xC00000B7, names: arm64Names[:]}
)

// For returns the architecture that Go calls goarch. ok is false if no filter can be made for it.
func For(goarch string) (arch Arch, ok bool) {
	switch goarch {
	case "amd64":
		return AMD64, true
	case "arm64":
		return ARM64, true
	}
	return Arch{}, false
}

// Name returns the name of the system call of that number; empty if there is none, or if it is one of another architecture.
func (a Arch) Name(audit uint32, number int) string {
	if audit != a.audit || number < 0 || number >= len(a.names) {
		return ""
	}
	return a.names[number]
}

// Fallible reports whether a call that is refused is answered as by a kernel that does not have it (ENOSYS instead of EPERM).
func Fallible(name string) bool {
	return name == "" || slices.Contains(strings.Fields(fallible), name)
}

// Proceeds reports whether a call is put to the supervisor only so that it is known of: by what it acts on others let it act.
func Proceeds(name string) bool {
	return slices.ContainsFunc([]string{opens, changes, talks, "sendto"}, func(list string) bool {
		return slices.Contains(strings.Fields(list), name)
	})
}

// Rules say what a filter decides.
type Rules struct {
	// Lite leaves no sockets but pairs, and nothing that Landlock overlooks.
	Lite bool
	// Execs puts each start of a program to the supervisor; otherwise all are allowed.
	Execs bool
	// Opens puts each file that is opened or changed by its path to the supervisor; otherwise those are allowed.
	Opens bool
}

// A verdict is what a filter does with a call; also a check, if its index is beyond the answers.
type verdict int

const (
	ask verdict = iota // the supervisor decides
	allow
	deny // there is no such call
	firstCheck
)

// The values that a filter returns (see seccomp(2)).
const (
	retAllow  = 0x7FFF0000
	retErrno  = 0x00050000
	retNotify = 0x7FC00000
	enosys    = 38
)

var returns = [...]uint32{ask: retNotify, allow: retAllow, deny: retErrno | enosys}

// verdicts returns the verdict on each call that has a name; all others are put to the supervisor.
func (r Rules) verdicts() map[string]verdict {
	all := map[string]verdict{}
	set := func(list string, v verdict) {
		for name := range strings.FieldsSeq(list) {
			all[name] = v
		}
	}
	set(harmless+looks, allow)
	set(absent, deny)
	if !r.Opens {
		set(opens+changes, allow)
	}
	if !r.Execs {
		set("execve", allow)
	}
	if !r.Lite {
		set(labels, allow)
	}
	for i, c := range r.checks() {
		all[c.call] = firstCheck + verdict(i)
	}
	return all
}

// checks returns the checks that count; the last of a call does.
func (r Rules) checks() []check {
	if r.Lite {
		return slices.Concat(checks, liteChecks)
	}
	return checks
}

// Filter returns the program that decides by r.
func (a Arch) Filter(r Rules) []Instruction {
	verdicts := r.verdicts()
	var program assembler
	program.add(load(offsetArch), jump(opEqual, a.audit, 1, 0), ret(retNotify), load(offsetNumber))
	program.search(a.spans(verdicts))
	for i, c := range r.checks() {
		program.place(firstCheck+verdict(i), c.program)
	}
	return program.link()
}

// A span is a range of numbers with one verdict, from first to the first of the next one.
type span struct {
	first uint32
	verdict
}

// spans returns the verdicts on all numbers from 0 on.
func (a Arch) spans(verdicts map[string]verdict) []span {
	all := []span{{0, verdicts[a.names[0]]}}
	for number, name := range a.names {
		if v := verdicts[name]; v != all[len(all)-1].verdict {
			all = append(all, span{uint32(number), v})
		}
	}
	return append(all, span{uint32(len(a.names)), ask}) //nolint:gosec // as above
}

// Allowed returns the names of the calls that are allowed whatever their arguments are, sorted: for profiles of container engines.
func Allowed() []string {
	var names []string
	for name, v := range (Rules{}).verdicts() {
		if v == allow {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
