package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
)

// A crew is the replicas of one server. Their tool "who" tells which of them was called.
type crew []*httpPeer

func startCrew(t *testing.T, modern bool) crew {
	t.Helper()
	c := make(crew, 3)
	for i := range c {
		c[i] = startPeer(t, modern)
		c[i].offer("who", `,"annotations":{"readOnlyHint":true}`, func(_ context.Context, talk *talk, _ message, _ func(string)) string {
			return talk.text(strconv.Itoa(i + 1))
		})
	}
	return c
}

// server is the crew as a server of a configuration, which is believed and soon judged.
func (c crew) server(name string) config.Server {
	s := config.NewServer(name)
	s.URL, s.Trust.Annotations = c[0].web.URL, true
	for _, p := range c[1:] {
		s.Replicas = append(s.Replicas, p.web.URL)
	}
	s.Health.Pause, s.Health.Interval = 200*time.Millisecond, 100*time.Millisecond
	return s
}

// kill ends a replica for good.
func (c crew) kill(number string) {
	n, _ := strconv.Atoi(number)
	c[n-1].web.CloseClientConnections()
	c[n-1].web.Listener.Close()
	c[n-1].web.CloseClientConnections()
}

// dialect calls a method of the dialect with the key named local and returns the answer.
func (g *gate) dialect(t *testing.T, method, params string) string {
	t.Helper()
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, g.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+readKey(t, g.Config()))
	answer, err := g.web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestReplicas shares the calls of one server out among its replicas, which are one server to clients; one that is gone is not missed.
func TestReplicas(t *testing.T) {
	t.Parallel()
	for _, modern := range []bool{false, true} {
		t.Run(eraName(modern), func(t *testing.T) {
			t.Parallel()
			peers := startCrew(t, modern)
			g := open(t, peers.server("shop"))
			c := g.modernClient("{}")
			if list := c.ask(t, "tools/list", "{}"); strings.Count(list, `"name":"shop.who"`) != 1 || strings.Contains(list, "shop/") {
				t.Errorf("the list: %s", list)
			}
			seen := map[string]int{}
			for range 9 {
				seen[c.call(t, "shop.who")]++
			}
			if seen["1"] != 3 || seen["2"] != 3 || seen["3"] != 3 {
				t.Errorf("the calls went to %v", seen)
			}
			peers.kill("2")
			clear(seen)
			for range 12 {
				seen[c.call(t, "shop.who")]++
			}
			if seen["1"]+seen["3"] != 12 {
				t.Errorf("after one is gone: %v", seen)
			}
			if list := c.ask(t, "tools/list", "{}"); strings.Count(list, `"name":"shop.who"`) != 1 {
				t.Errorf("the list after one is gone: %s", list)
			}
			servers := g.dialect(t, "mcp.admin.servers", "{}")
			for _, want := range []string{`"name":"shop/1"`, `"name":"shop/2"`, `"name":"shop/3"`, `"routing":"healthy"`} {
				if !strings.Contains(servers, want) {
					t.Errorf("servers: %s, want %s", servers, want)
				}
			}
			if all := strings.Join(g.records(t), "\n"); !strings.Contains(all, `"shop/1"`) || !strings.Contains(all, `"shop/3"`) {
				t.Error("the record does not tell the replica of a call")
			}
		})
	}
}

// TestReplicasKeep keeps a client with sessions of its own at one replica, and shares others out.
func TestReplicasKeep(t *testing.T) {
	t.Parallel()
	peers := startCrew(t, false)
	g := open(t, peers.server("shop"))
	homes := map[string]bool{}
	var asking *client
	for range 4 {
		asking = g.legacy(t, everything)
		home := asking.call(t, "shop.who")
		for range 6 {
			if got := asking.call(t, "shop.who"); got != home {
				t.Errorf("a client with a session of its own moves from %s to %s", home, got)
			}
		}
		homes[home] = true
	}
	if len(homes) < 2 {
		t.Errorf("all clients are at %v", homes)
	}
	home := asking.call(t, "shop.who")
	peers.kill(home)
	moved := asking.call(t, "shop.who")
	if moved == home || asking.call(t, "shop.who") != moved {
		t.Errorf("from %s, which is gone, the client goes to %s", home, moved)
	}
	plain, seen := g.legacy(t, "{}"), map[string]bool{}
	for range 6 {
		seen[plain.call(t, "shop.who")] = true
	}
	if len(seen) != 2 {
		t.Errorf("a client that shares the session is at %v", seen)
	}
}

// TestReplicaQuestions brings the answers to what a server asks to the replica that asked.
func TestReplicaQuestions(t *testing.T) {
	t.Parallel()
	peers := startCrew(t, false)
	g := open(t, peers.server("shop"))
	c := g.modernClient(everything)
	for range 6 {
		question := c.ask(t, "tools/call", `{"name":"shop.elicit","arguments":{}}`)
		var m struct {
			Result struct {
				RequestState  string
				InputRequests map[string]json.RawMessage
			}
		}
		if err := json.Unmarshal([]byte(question), &m); err != nil || len(m.Result.InputRequests) != 1 {
			t.Fatalf("no question: %s", question)
		}
		for key := range m.Result.InputRequests {
			answer := c.ask(t, "tools/call", fmt.Sprintf(`{"name":"shop.elicit","arguments":{},"requestState":%q,"inputResponses":{%q:{"action":"accept","content":{}}}}`,
				m.Result.RequestState, key))
			if !strings.Contains(textOf(answer), "accept") {
				t.Errorf("the answer is lost: %s", answer)
			}
		}
	}
}

// TestReplicaTasks follows tasks at the replica that runs them.
func TestReplicaTasks(t *testing.T) {
	t.Parallel()
	for _, modern := range []bool{false, true} {
		t.Run(eraName(modern), func(t *testing.T) {
			t.Parallel()
			peers := []*taskPeer{startTaskPeer(t, modern), startTaskPeer(t, modern), startTaskPeer(t, modern)}
			s := peers[0].server("up")
			for _, p := range peers[1:] {
				s.Replicas = append(s.Replicas, p.front.URL)
			}
			g := open(t, s)
			c, more := g.modernClient(takesTasks), ""
			if !modern {
				c, more = g.legacy(t, `{"tasks":{}}`), asTask
			}
			var ids []string
			for range 6 {
				id, _ := c.jobOf(t, more)
				ids = append(ids, id)
			}
			for _, id := range ids {
				if answer := c.about(t, "tasks/get", id); !strings.Contains(answer, `"taskId":"`+id+`"`) {
					t.Errorf("a task is lost: %s", answer)
				}
			}
			for i, p := range peers {
				if n := p.count("tools/call"); n != 2 {
					t.Errorf("replica %d runs %d tasks", i+1, n)
				}
			}
			if list := c.ask(t, "tasks/list", "{}"); !modern && strings.Count(list, `"taskId"`) != 6 {
				t.Errorf("the list: %s", list)
			}
		})
	}
}

// TestReplicaUpdates tells of a resource's changes from one replica at a time, and from another one when that is gone.
func TestReplicaUpdates(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"modern", "legacy"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			peers := startCrew(t, false)
			g := open(t, peers.server("shop"))
			w := g.watching(t, kind)
			at := slices.IndexFunc(peers, func(p *httpPeer) bool { return p.count("resources/subscribe") > 0 })
			if at < 0 || !w.hears(t, peers[at].peer) {
				t.Fatalf("replica %d was asked, and nobody hears it", at+1)
			}
			peers.kill(strconv.Itoa(at + 1))
			_ = w.ask(t, "resources/read", `{"uri":"test://one"}`)
			next := -1
			for range 500 {
				for i, p := range peers {
					if i != at && p.count("resources/subscribe") > 0 {
						next = i
					}
				}
				if next >= 0 {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			if next < 0 || !w.hears(t, peers[next].peer) {
				t.Errorf("replica %d is gone, and %d is heard in its place", at+1, next+1)
			}
		})
	}
}

// TestRouting sets a policy at run time: a name of its own for the tools of two servers, nine calls of ten to one of them. It holds
// after the gate was started again.
func TestRouting(t *testing.T) {
	t.Parallel()
	one, two := startPeer(t, true), startPeer(t, true)
	for p, name := range map[*httpPeer]string{one: "find", two: "search"} {
		p.offer(name, "", func(_ context.Context, talk *talk, _ message, _ func(string)) string { return talk.text(name) })
	}
	a, b := one.server("a"), two.server("b")
	a.Prefix, b.Prefix = "a", "b"
	cfg := configured(t, a, b)
	g := openWith(t, cfg)
	c := g.modernClient("{}")
	if got := g.dialect(t, "mcp.routing", "{}"); !strings.Contains(got, `"revision":0`) || !strings.Contains(got, `"policy":{}`) {
		t.Errorf("without a policy: %s", got)
	}
	const policy = `{"shop.find":{"targets":[{"server":"a","weight":9},{"server":"b","name":"search","weight":1}]}}`
	if got := g.dialect(t, "mcp.routing", `{"policy":`+policy+`,"ifRevision":0}`); !strings.Contains(got, `"revision":1`) {
		t.Fatalf("set: %s", got)
	}
	check := func(c *client) {
		t.Helper()
		if list := c.ask(t, "tools/list", "{}"); strings.Count(list, `"name":"shop.find"`) != 1 {
			t.Errorf("the list: %s", list)
		}
		seen := map[string]int{}
		for range 20 {
			seen[c.call(t, "shop.find")]++
		}
		if seen["find"] != 18 || seen["search"] != 2 {
			t.Errorf("the calls went to %v", seen)
		}
	}
	check(c)
	if got := c.call(t, "b.search"); got != "search" {
		t.Errorf("b.search: %s", got)
	}
	for params, want := range map[string]string{
		`{"policy":{},"ifRevision":0}`:                           `"reason":"conflict"`,
		`{"policy":{"x":{"targets":[{"server":"nobody"}]}}}`:     `"reason":"invalid-arguments"`,
		`{"policy":{"x":{"targets":[{"server":"a","to":"b"}]}}}`: `/policy/x/targets/0/to`,
	} {
		if got := g.dialect(t, "mcp.routing.set", params); !strings.Contains(got, want) {
			t.Errorf("%s: %s", params, got)
		}
	}
	g.stop()
	again := openWith(t, cfg)
	if got := again.dialect(t, "mcp.routing.get", "{}"); !strings.Contains(got, `"revision":1`) || !strings.Contains(got, `"target":"b"`) {
		t.Errorf("after a restart: %s", got)
	}
	check(again.modernClient("{}"))
}

// TestRoutingKinds sends prompts, completions and resources where the policy says, and single servers' calls elsewhere when theirs is gone.
func TestRoutingKinds(t *testing.T) {
	t.Parallel()
	peers := startCrew(t, true)
	servers := make([]config.Server, len(peers))
	for i, p := range peers {
		servers[i] = p.server(string(rune('a' + i)))
		servers[i].Prefix, servers[i].Trust.Annotations = servers[i].Name, true
	}
	cfg := configured(t, servers...)
	cfg.Routing = []config.Route{
		{Name: "test://*", Targets: []config.RouteTarget{{Server: "b", Weight: 1}}},
		{Name: "a.greet", Targets: []config.RouteTarget{{Server: "b", Weight: 1}}},
		{Name: "c.*", Targets: []config.RouteTarget{{Server: "c", Weight: 1}}, Failover: []string{"a"}, Retries: 1},
	}
	g := openWith(t, cfg)
	c := g.modernClient("{}")
	for method, params := range map[string]string{
		"resources/read":      `{"uri":"test://one"}`,
		"prompts/get":         `{"name":"a.greet"}`,
		"completion/complete": `{"ref":{"type":"ref/prompt","name":"a.greet"},"argument":{"name":"who","value":""}}`,
	} {
		if answer := c.ask(t, method, params); !strings.Contains(answer, `"result"`) {
			t.Errorf("%s: %s", method, answer)
		}
		if a, b := peers[0].count(method), peers[1].count(method); a != 0 || b != 1 {
			t.Errorf("%s: a was asked %d times, b %d times", method, a, b)
		}
	}
	if got := peers[1].got("prompts/get"); len(got) == 1 && !strings.Contains(got[0].raw, `"name":"greet"`) {
		t.Errorf("b is asked for %s", got[0].raw)
	}
	if got := c.call(t, "c.who"); got != "3" {
		t.Errorf("c.who is answered by %s", got)
	}
	peers.kill("3")
	for range 3 {
		if got := c.call(t, "c.who"); got != "1" {
			t.Errorf("with c gone, c.who is answered by %s", got)
		}
	}
}
