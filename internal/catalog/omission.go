package catalog

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"strings"
)

// An Omission is what a server offers that clients are not shown.
type Omission struct {
	// Told is the first of it, Count how much it is.
	Told  []string
	Count int
	// Digest tells it apart from others.
	Digest string
}

// Omissions are those of the catalogue, by servers.
func (c *Catalog) Omissions() map[string]Omission {
	const most = 20
	all, sums := map[string]Omission{}, map[string]hash.Hash{}
	for _, w := range c.warnings {
		if !strings.HasPrefix(w.Problem, "left out") {
			continue
		}
		if sums[w.Server] == nil {
			sums[w.Server] = sha256.New()
		}
		o, said := all[w.Server], w.Name+": "+w.Problem
		fmt.Fprintf(sums[w.Server], "%q\n", said)
		if o.Count++; o.Count <= most {
			o.Told = append(o.Told, said)
		}
		all[w.Server] = o
	}
	for server, o := range all {
		o.Digest = string(sums[server].Sum(nil))
		all[server] = o
	}
	return all
}
