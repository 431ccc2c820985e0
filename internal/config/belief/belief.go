// Package belief is the part of mcp.yaml that says what of a server is believed, and what becomes of it when it no longer holds.
package belief

import (
	"cmp"
	_ "embed"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/document"
)

//go:embed belief.go
var source string

// Source returns the source of the types, whose comments describe the keys in the JSON Schema.
func Source() string { return source }

// What becomes of tools that are not any more what somebody has approved (Pins), and of answers that give orders (Answers).
const (
	// Enforce holds back what nobody has approved until somebody does.
	Enforce = "enforce"
	// Flag tells of it, and lets it through.
	Flag = "flag"
	// Strip takes what was found out of an answer, and marks the place.
	Strip = "strip"
	// Block lets nothing through.
	Block = "block"
	// Warn tells of it.
	Warn = "warn"
	// Off does not look.
	Off = "off"
	// Required blocks a server that is not signed.
	Required = "required"
)

// Stricter returns which of two values of [Trust].Answers lets less through.
func Stricter(a, b string) string {
	order := []string{Off, Flag, Strip, Block}
	return order[max(slices.Index(order, a), slices.Index(order, b), 0)]
}

// Trust says what of one server is believed. What is empty is as for all servers.
type Trust struct {
	// Annotations believes the server's hints about its own tools, such as that a call may be repeated.
	Annotations bool `yaml:"annotations"`
	// Context hands the server the variables and the memory of the root that it is called in, and lets its tools change the sampling
	// parameters there. Servers without it get the sampling parameters only.
	Context bool `yaml:"context"`
	// Pins says what becomes of a thing of the server that is not any more what somebody has approved: enforce holds it back, flag tells
	// of it, off does not look.
	Pins string `yaml:"pins" enum:"enforce flag off"`
	// Answers says what becomes of answers in which the gateway finds orders to the model: flag tells of it, strip takes the part out,
	// block refuses the answer, off does not look.
	Answers string `yaml:"answers" enum:"flag strip block off"`
	// Signature says whether the server has to be signed: required blocks one whose manifest or signature does not hold.
	Signature string `yaml:"signature" enum:"off required"`
	// Manifest is where its manifest lies, a file or a URL, with server.sig beside it; without it what the server shows below /.well-known/sumun/.
	Manifest string `yaml:"manifest"`
	// Keys is where the public keys lie whose signature counts, a file or a URL; without it the keys that the server shows first.
	Keys string `yaml:"keys"`
}

// For returns what holds for a server for which s says what differs, where all holds for all.
func (s Trust) For(all Trust) Trust {
	s.Annotations = s.Annotations || all.Annotations
	s.Pins, s.Answers, s.Signature = cmp.Or(s.Pins, all.Pins), cmp.Or(s.Answers, all.Answers), cmp.Or(s.Signature, all.Signature)
	return s
}

// Finish makes paths absolute that stand in a file of that directory.
func (s *Trust) Finish(dir string) {
	for _, at := range []*string{&s.Manifest, &s.Keys} {
		if *at != "" && !strings.Contains(*at, "://") {
			*at = document.Absolute(dir, *at)
		}
	}
}

// Runs returns what of s a server runs with. What else it says is heeded by the gateway, and can change while the server goes on.
func (s Trust) Runs() Trust { return Trust{Annotations: s.Annotations, Context: s.Context} }

// A Feed is a list of verdicts that somebody else keeps and signs.
type Feed struct {
	// URL is where it lies: an https URL or a file.
	URL string `yaml:"url"`
	// Key is the file with the public key that its signature has to hold for.
	Key string `yaml:"key"`
	// Weight is how much of the score is theirs, from 0 to 100; the rest is ours.
	Weight int `yaml:"weight" min:"0" max:"100"`
	// Issuer is the name of who has to have issued it. Without it that of the first one that was taken from this key holds.
	Issuer string `yaml:"issuer"`
}
