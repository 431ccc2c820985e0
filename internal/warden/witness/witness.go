// Package witness watches a program in a box on behalf of a scan: a sink stands in for the network, files that only thieves read lie in its
// home, and what the program does and tries is noted as facts.
package witness

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/outlet"
	"github.com/sumun-mcp/sumun/internal/sandbox"
	"github.com/sumun-mcp/sumun/internal/sandbox/box"
	"github.com/sumun-mcp/sumun/trust"
)

// most is how many acts of one program are kept.
const most = 4096

// ports are those at which the sink listens: of what programs report over, and of what they are told from afar.
var ports = []int{21, 22, 25, 53, 80, 110, 143, 443, 465, 587, 853, 993, 1337, 3000, 3128, 4000, 4317, 4318, 4444, 5000, 5601, 6667, 8000, 8080, 8081, 8086, 8088, 8443, 8888, 9000, 9200, 9411}

// A Witness watches the processes of one program. It may be used concurrently.
type Witness struct {
	program string // the file that is the program itself
	token   string // stands in all canaries
	decoys  map[string][]byte
	work    sync.WaitGroup

	mu   sync.Mutex
	acts []act
}

// An act is something that was seen.
type act struct {
	at   time.Time
	fact trust.Observation
}

// New returns a witness of a program whose user has that home.
func New(home string) *Witness {
	w := &Witness{token: rand.Text()}
	w.decoys = canaries(home, w.token)
	return w
}

// canaries returns files as they lie in homes of people who have something to steal. None of what is in them opens anything.
func canaries(home, token string) map[string][]byte {
	all := map[string][]byte{}
	for name, text := range map[string]string{
		".ssh/id_rsa":      "-----BEGIN OPENSSH PRIVATE KEY-----\n" + token + "\n-----END OPENSSH PRIVATE KEY-----\n",
		".ssh/id_ed25519":  "-----BEGIN OPENSSH PRIVATE KEY-----\n" + token + "\n-----END OPENSSH PRIVATE KEY-----\n",
		".aws/credentials": "[default]\naws_access_key_id = AKIA" + token[:16] + "\naws_secret_access_key = " + token + "\n",
		".netrc":           "machine example.com login canary password " + token + "\n",
		".git-credentials": "https://canary:" + token + "@example.com\n",
		".env":             "API_KEY=" + token + "\n",
		".kube/config":     "apiVersion: v1\nkind: Config\nusers: [{name: canary, user: {token: " + token + "}}]\n",
	} {
		all[filepath.Join(home, name)] = []byte(text)
	}
	return all
}

// Attend has a command, which has a full box, watched; with a sink instead of its network.
func (w *Witness) Attend(c *sandbox.Command, sink bool) {
	w.program = c.Path
	c.Box.Watch, c.Box.Decoys = true, w.decoys
	c.Watched, c.Refused = w.watched, w.refused
	if !sink {
		return
	}
	c.Box.Ports = ports
	c.Outlet = func(ctx context.Context, l box.Listeners) {
		w.work.Go(func() { _ = outlet.Serve(ctx, l, outlet.Options{Refused: w.refused, Sink: w.visited}) }) // what ends it ends the box
	}
}

// Close waits until nothing is watched any more: the program has been closed before.
func (w *Witness) Close() { w.work.Wait() }

// Acts returns what was seen, and when.
func (w *Witness) Acts() iter.Seq2[time.Time, trust.Observation] {
	return func(yield func(time.Time, trust.Observation) bool) {
		w.mu.Lock()
		acts := slices.Clip(w.acts)
		w.mu.Unlock()
		for _, a := range acts {
			if !yield(a.at, a.fact) {
				return
			}
		}
	}
}

func (w *Witness) note(at time.Time, probe, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.acts) < most {
		w.acts = append(w.acts, act{at, trust.Observation{Probe: probe, Text: text}})
	}
}

// watched takes what the program was allowed: of that, other programs that it starts, and canaries that it opens.
func (w *Witness) watched(a box.Act) {
	switch a.Kind {
	case box.KindExec:
		if a.Detail != w.program {
			w.note(a.At, trust.ProbeProcess, a.Detail)
		}
	case box.KindFile:
		path, _, _ := strings.Cut(a.Detail, ", to be ")
		if _, ok := w.decoys[path]; ok {
			w.note(a.At, trust.ProbeCanary, a.Detail)
		}
	}
}

// refused takes what it was not allowed.
func (w *Witness) refused(r box.Refusal) {
	probe := trust.ProbeRefused
	text := r.Kind + " " + r.Detail
	switch r.Kind {
	case box.KindExec:
		probe, text = trust.ProbeProcess, r.Detail
	case box.KindConnect:
		probe, text = trust.ProbeConnection, r.Detail
	}
	w.note(r.At, probe, text)
}

// visited takes what the program wanted of the network.
func (w *Witness) visited(v outlet.Visit) {
	if v.Name != "" {
		w.note(v.At, trust.ProbeName, v.Name)
		return
	}
	w.note(v.At, trust.ProbeConnection, fmt.Sprintf("%s: %s", v.Host, v.What))
	if bytes.Contains(v.Sent, []byte(w.token)) {
		w.note(v.At, trust.ProbeCanary, "what stands in a canary was sent to "+v.Host)
	}
}
