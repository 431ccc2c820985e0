package gateway_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/config"
)

// A cell is a client of one revision with a server of one revision, and the gate between them.
type cell struct {
	client, server *spec
	site           *site
	gate           *gate
	// able is a client that can be asked whatever its revision has, plain one that can be asked nothing.
	able, plain *actor
	// since is how many events of the server belong to earlier tales.
	since int
}

// A site is a server of one revision, whatever carries it.
type site struct {
	server   func(name string) config.Server
	happened func() []string
	// talks is how many sessions are open, streaming whether all have a stream for what belongs to no call; nil on a pipe.
	talks     func() int
	streaming func() bool
	// http is nil for servers that are not behind Streamable HTTP.
	http *httpPeer
}

// listening waits until what the server says outside of calls will be heard.
func (s *site) listening(t *testing.T) {
	t.Helper()
	if s.streaming != nil {
		eventually(t, "the gate listens", s.streaming)
	}
}

// build starts a server of that revision.
func build(t *testing.T, s *spec, carrier string) *site {
	t.Helper()
	switch carrier {
	case "pipe":
		p := newPipePeer(t, s.name)
		return &site{server: p.server, happened: p.happened}
	case "events":
		p := startEvents(t, s)
		return &site{server: p.server, happened: p.happened, talks: p.openTalks, streaming: p.streaming}
	}
	p := startStrict(t, s)
	return &site{server: p.server, happened: p.happened, http: p, talks: p.openTalks, streaming: p.streaming}
}

// carriers are what servers of a revision are reached by.
func carriers(s *spec) []string {
	switch s.name {
	case "2024-11-05":
		return []string{"events", "pipe"}
	case legacyRevision, modernRevision:
		return []string{"http", "pipe"}
	}
	return []string{"http"} // on a pipe they differ in nothing from those around them
}

// abandoned is the event of a tale that takes as long as a call may wait: it is begun first and ends last.
const abandoned = "abandon"

// saw returns what has happened at the server since the tale began.
func (c *cell) saw() []string {
	all := slices.DeleteFunc(c.site.happened(), func(event string) bool { return strings.HasSuffix(event, abandoned) })
	return all[min(c.since, len(all)):]
}

// messageOf reads a message.
func messageOf(raw string) message {
	var m message
	_ = json.Unmarshal([]byte(raw), &m)
	return m
}

// slow says that there is time for everything: make slow runs it, under the race detector too.
func slow() bool { return os.Getenv("SUMUN_TEST_SLOW") != "" }

// edge reports whether a revision is the first or the last of its era.
func edge(s *spec) bool { return s == specs[0] || s.name == legacyRevision || s.modern }

// sampled reports whether a cell is told in every run: all revisions with themselves and across the eras, the ends of the eras with each
// other, and pipes where two eras meet at their ends. The rest of the cross product takes as long again.
func sampled(client, server *spec, carrier string) bool {
	across, edges := client.modern != server.modern, edge(client) && edge(server)
	if carrier == "pipe" {
		return across && edges
	}
	return client == server || across || edges
}

// TestMatrix tells every tale between clients and servers of all revisions, and keeps docs/compatibility.md true. UPDATE=1 writes it.
// It tells them in the sampled cells only, unless there is time for all (SUMUN_TEST_SLOW=1) or the page is written.
//
//nolint:tparallel // the cells run in parallel, and what they show is written after them
func TestMatrix(t *testing.T) {
	t.Parallel()
	whole := slow() || os.Getenv("UPDATE") != ""
	held := t.Run("cells", func(t *testing.T) {
		for _, client := range specs {
			for _, server := range specs {
				for _, carrier := range carriers(server) {
					if !whole && !sampled(client, server, carrier) {
						continue
					}
					t.Run(client.name+" to "+server.name+" "+carrier, func(t *testing.T) {
						t.Parallel()
						tellAll(t, client, server, carrier)
					})
				}
			}
		}
	})
	const file = "../../docs/compatibility.md"
	want := compatibility()
	got, err := os.ReadFile(file)
	switch {
	case !held:
	case os.Getenv("UPDATE") != "":
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Error(err)
		}
	case err != nil || string(got) != want:
		t.Errorf("docs/compatibility.md does not say what holds (%v); write it with UPDATE=1\n%s", err, cmp.Diff(string(got), want))
	}
}

// TestMatrixElsewhere tells every tale to clients of the legacy era that come over the transport that their revision does not have:
// HTTP+SSE goes on to be spoken after 2024-11-05, and Streamable HTTP is understood before. The revisions between the first and the last
// of the era are told of with SUMUN_TEST_SLOW=1.
func TestMatrixElsewhere(t *testing.T) {
	t.Parallel()
	for _, s := range specs {
		if s.modern || !edge(s) && !slow() {
			continue
		}
		client := *s
		client.events = !s.events
		for _, server := range []*spec{specOf(legacyRevision), specOf(modernRevision)} {
			t.Run(client.name+" to "+server.name, func(t *testing.T) {
				t.Parallel()
				tellAll(t, &client, server, "http")
			})
		}
	}
}

// tellAll tells every tale in one cell.
func tellAll(t *testing.T, client, server *spec, carrier string) {
	t.Helper()
	c := &cell{client: client, server: server, site: build(t, server, carrier)}
	leavesNothing(t)
	c.gate = openPatient(t, 2*time.Second, c.site.server("up"))
	c.able, c.plain = c.gate.enter(t, client, server, client.declares), c.gate.enter(t, client, server, "{}")
	unansweredEnds := c.beginUnanswered(t)
	for _, tale := range tales {
		if tale.column == "visit first" && carrier == "pipe" {
			continue // the test says when the visit is over, and reaches no process
		}
		c.tell(t, &tale)
	}
	unansweredEnds()
	c.gate.stop()
	if late := slices.Concat(c.able.saw(), c.plain.saw()); len(late) > 0 {
		t.Errorf("in the end the clients see %q", late)
	}
	for _, event := range c.site.happened() {
		if strings.HasPrefix(event, "fault: ") {
			t.Errorf("the server objects: %s", event)
		}
	}
	if c.site.talks != nil && !server.modern {
		eventually(t, "no session with the server is left", func() bool { return c.site.talks() == 0 })
	}
	if p := c.site.http; p != nil {
		eventually(t, "no request and no stream is left at the server", func() bool { return p.busy.Load() == 0 })
	}
}

// tell tells one tale and compares what both sides saw with what they must see.
func (c *cell) tell(t *testing.T, tale *tale) {
	t.Helper()
	c.since += len(c.saw())
	tale.tell(t, c)
	want, _ := tale.expect(c.client, c.server)
	if !settle(10*time.Second, func() bool { return len(c.saw()) >= len(want.server) }) {
		t.Errorf("%s: the server does not see all", tale.name)
	}
	if d := cmp.Diff(want.client, slices.Concat(c.able.saw(), c.plain.saw())); d != "" {
		t.Errorf("%s: the client sees -want +got\n%s", tale.name, d)
	}
	if d := cmp.Diff(slices.Concat(want.server), slices.Concat(c.saw())); d != "" {
		t.Errorf("%s: the server sees -want +got\n%s", tale.name, d)
	}
}

// expect returns what both sides see between those revisions, and why that is not what all see.
func (tale *tale) expect(client, server *spec) (saw seen, why string) {
	if tale.unless != nil {
		if why := tale.unless(client, server); why != "" {
			return tale.instead, why
		}
	}
	if tale.differs != nil {
		if why, saw := tale.differs(client, server); why != "" {
			return saw, why
		}
	}
	return seen{client: tale.client, server: tale.server}, ""
}

// preface is what stands above the table.
const preface = `# Compatibility

Clients and servers of every revision of the protocol meet in one gateway. The table says what works between them. It is written by
the test that proves it (TestMatrix in internal/gateway): in each row a client that speaks exactly one revision and a server that
speaks exactly one, both of which object to anything that theirs does not have, live through the same stories; both must see the same
as in every other row. Clients come over the HTTP transport of their revision: HTTP+SSE in 2024-11-05, Streamable HTTP in all others.
Servers are reached over that of theirs, and over a pipe. There are two eras: legacy, the first four revisions, with sessions, where a
server sends requests of its own; and modern, 2026-07-28, where every request stands alone, and a server asks by ending it with a
question.

**What is carried across:** calls, lists, progress, log messages, cancellation, subscriptions, changes of lists, completion, errors in
the client's words, and questions (elicitation, sampling, roots, visits of URLs) in all four directions. A client is only asked what it
declared to answer, and a server is told what the client declared.

**How a question crosses the eras:** the question of a legacy server ends the request of a modern client with ` + "`input_required`" + `, and
the call waits in the gateway until the client comes back with the answers. The question of a modern server is put to a legacy client
as a request, and the gateway repeats the call with the answer.

**Limits:** a call may ask 10 times. A call waits 5 minutes for its client, then it is cancelled at the server. 64 calls of one
caller may wait at once, 4,096 in all; one more is refused. The token that a modern client brings back is good once, for the same
caller, method, name and arguments. After a restart of the gateway a waiting call is gone: its client is told that it may have had effects.

**What cannot be:** a revision has no words for what came after it. Where a server speaks of something that the client's revision does
not know, or the other way round, the table has a dash, and the reason stands below.
`

// compatibility is the text of docs/compatibility.md.
func compatibility() string {
	var b strings.Builder
	b.WriteString(preface)
	var reasons []string
	b.WriteString("\n| client | server |")
	columns := append(slices.Clone(tales), unanswered)
	for _, tale := range columns {
		fmt.Fprintf(&b, " %s |", tale.column)
	}
	b.WriteString("\n|---|---|" + strings.Repeat(":-:|", len(columns)) + "\n")
	for _, client := range specs {
		for _, server := range specs {
			fmt.Fprintf(&b, "| %s | %s |", client.name, server.name)
			for _, tale := range columns {
				mark := "yes"
				if _, why := tale.expect(client, server); why != "" {
					if !slices.Contains(reasons, why) {
						reasons = append(reasons, why)
					}
					number := fmt.Sprintf(" [%d]", slices.Index(reasons, why)+1)
					if tale.unless != nil && tale.unless(client, server) != "" {
						mark = "—"
					}
					mark += number
				}
				fmt.Fprintf(&b, " %s |", mark)
			}
			b.WriteString("\n")
		}
	}
	b.WriteString("\n")
	for i, why := range reasons {
		fmt.Fprintf(&b, "%d. %s\n", i+1, why)
	}
	b.WriteString("\nWhat the columns mean:\n\n")
	for _, tale := range columns {
		fmt.Fprintf(&b, "* **%s**: %s.\n", tale.column, tale.name)
	}
	return b.String()
}
