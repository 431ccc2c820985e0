package gateway_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// jobOf begins a task of the tool "job" and returns its id.
func (c *client) jobOf(t *testing.T, more string) (id, answer string) {
	t.Helper()
	answer = c.ask(t, "tools/call", `{"name":"job","arguments":{}`+more+`}`)
	var m struct {
		Result struct {
			TaskID string
			Task   struct{ TaskID string }
		}
	}
	if err := json.Unmarshal([]byte(answer), &m); err != nil || m.Result.TaskID+m.Result.Task.TaskID == "" {
		t.Fatalf("no task: %s", answer)
	}
	return m.Result.TaskID + m.Result.Task.TaskID, answer
}

// about makes a request about a task.
func (c *client) about(t *testing.T, method, id string) string {
	t.Helper()
	return c.abouts(t, method, id, "")
}

// abouts does so with more in the parameters.
func (c *client) abouts(t *testing.T, method, id, more string) string {
	t.Helper()
	in, _ := c.start(t, method, fmt.Sprintf(`{"taskId":%q%s}`, id, more), map[string]string{"Mcp-Name": id})
	return in.last(t)
}

const asTask = `,"task":{"ttl":60000}`

var rawID = regexp.MustCompile(`"task-\d+"`)

// hidesIDs fails if a message tells an id of the server's own.
func hidesIDs(t *testing.T, what, raw string) {
	t.Helper()
	if rawID.MatchString(raw) {
		t.Errorf("%s tells the server's own id: %s", what, raw)
	}
}

// TestLegacyTask follows a task of the legacy era from its beginning to its result.
func TestLegacyTask(t *testing.T) {
	t.Parallel()
	p := startTaskPeer(t, false)
	g := open(t, p.server("up"))
	c := g.legacy(t, `{"elicitation":{},"tasks":{"requests":{"elicitation":{"create":{}}}}}`)
	if hellos := strings.Join(p.hellos(), " "); strings.Contains(hellos, "tasks") {
		t.Errorf("the server is told that it may give the client tasks: %s", hellos)
	}
	id, answer := c.jobOf(t, asTask+`,"_meta":{"progressToken":"mine"}`)
	hidesIDs(t, "the beginning", answer)
	for _, want := range []string{`"vendor":1.10`, `"big":1.10`, `"model-immediate-response":"soon"`, `"status":"working"`} {
		if !strings.Contains(strings.ReplaceAll(answer, metaPrefix, ""), want) {
			t.Errorf("%s is not in %s", want, answer)
		}
	}
	for range 2 {
		if got := c.about(t, "tasks/get", id); !strings.Contains(got, `"taskId":"`+id+`"`) || !strings.Contains(got, `"status":"working"`) {
			t.Errorf("tasks/get: %s", got)
		}
	}
	in, _ := c.start(t, "tasks/result", fmt.Sprintf(`{"taskId":%q}`, id), nil)
	progress := in.must(t, `"progressToken":"mine"`)
	logged := in.must(t, "log of task-1")
	question := in.must(t, "which?")
	for what, raw := range map[string]string{"progress": progress, "log": logged, "question": question} {
		if !strings.Contains(raw, `"taskId":"`+id+`"`) {
			t.Errorf("%s does not belong to the task: %s", what, raw)
		}
	}
	c.reply(t, question, `{"action":"accept","content":{},"_meta":{"`+metaPrefix+`related-task":{"taskId":"`+id+`"}}}`)
	last := in.last(t)
	if text := textOf(last); !strings.Contains(text, `"action":"accept"`) || !strings.Contains(text, `"taskId":"task-1"`) {
		t.Errorf("the server was answered %s", text)
	}
	if !strings.Contains(last, `"`+metaPrefix+`related-task":{"taskId":"`+id+`"}`) {
		t.Errorf("the result does not belong to the task: %s", last)
	}
	if got := c.about(t, "tasks/cancel", id); !strings.Contains(got, `"status":"cancelled"`) || !strings.Contains(got, id) {
		t.Errorf("tasks/cancel: %s", got)
	}
}

// TestLegacyTaskStatus has the owner of a task, and nobody else, told how it is: where clients share a session, and where not.
func TestLegacyTaskStatus(t *testing.T) {
	t.Parallel()
	for name, capabilities := range map[string]string{"shared": "{}", "own": `{"elicitation":{}}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startTaskPeer(t, false)
			g := open(t, p.server("up"))
			mine, other := g.legacy(t, capabilities), g.legacy(t, capabilities)
			myStream, otherStream := mine.listen(t, nil), other.listen(t, nil)
			id, _ := mine.jobOf(t, asTask)
			otherID, _ := other.jobOf(t, asTask)
			eventually(t, "the server has a stream", func() bool { return p.listening() >= 1 })
			p.announceTask("task-1")
			p.announceTask("task-2")
			if got := myStream.must(t, "notifications/tasks/status"); !strings.Contains(got, `"taskId":"`+id+`"`) {
				t.Errorf("mine: %s", got)
			}
			if got := otherStream.must(t, "notifications/tasks/status"); !strings.Contains(got, `"taskId":"`+otherID+`"`) {
				t.Errorf("the other's: %s", got)
			}
		})
	}
}

// listening returns how many talks have a stream.
func (p *taskPeer) listening() int {
	p.peer.mu.Lock()
	defer p.peer.mu.Unlock()
	n := 0
	for _, t := range p.talks {
		t.mu.Lock()
		if t.unasked != nil {
			n++
		}
		t.mu.Unlock()
	}
	return n
}

// TestLegacyTaskList lists what each client has begun, and nothing else, though the server shows everything to everybody.
func TestLegacyTaskList(t *testing.T) {
	t.Parallel()
	p, q := startTaskPeer(t, false), startTaskPeer(t, false)
	second := q.server("second")
	second.Prefix = "second"
	g := open(t, p.server("up"), second)
	mine, other := g.legacy(t, "{}"), g.legacy(t, "{}")
	var ids []string
	for range 3 {
		id, _ := mine.jobOf(t, asTask)
		ids = append(ids, id)
		other.jobOf(t, asTask)
	}
	answer := mine.ask(t, "tools/call", `{"name":"second.job","arguments":{}`+asTask+`}`)
	far := regexp.MustCompile(`"taskId":"([^"]+)"`).FindStringSubmatch(answer)
	if far == nil {
		t.Fatalf("no task at the second server: %s", answer)
	}
	ids = append(ids, far[1])
	list := mine.ask(t, "tasks/list", "{}")
	hidesIDs(t, "the list", list)
	for _, id := range ids {
		if strings.Count(list, id) != 1 {
			t.Errorf("%s is not listed once: %s", id, list)
		}
	}
	if n := strings.Count(list, `"taskId"`); n != len(ids) {
		t.Errorf("%d tasks listed, want %d", n, len(ids))
	}
	if got := g.legacy(t, "{}").ask(t, "tasks/list", "{}"); !strings.Contains(got, `"tasks":[]`) {
		t.Errorf("a new client is shown %s", got)
	}
	if code, _ := fault(mine.ask(t, "tasks/list", `{"cursor":"x"}`)); code != -32602 {
		t.Errorf("a cursor: %d", code)
	}
}

// TestTaskCapabilities declares tasks exactly where there are some.
func TestTaskCapabilities(t *testing.T) {
	t.Parallel()
	const plain, legacyTools = `"execution":{"taskSupport":"optional"}`, `"tasks":{"requests":{"tools":{"call":{}}},"list":{},"cancel":{}}`
	hello := func(g *gate, revision string) string {
		c := &client{gate: g}
		return c.post(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":%q,"capabilities":{},`+
			`"clientInfo":{"name":"test","version":"1"}}}`, revision), nil).last(t)
	}
	t.Run("legacy", func(t *testing.T) {
		t.Parallel()
		g := open(t, startTaskPeer(t, false).server("up"))
		if got := hello(g, legacyRevision); !strings.Contains(got, legacyTools) {
			t.Errorf("declared: %s", got)
		}
		if got := hello(g, "2025-06-18"); strings.Contains(got, "tasks") {
			t.Errorf("declared to an older client: %s", got)
		}
		m := g.modernClient(takesTasks)
		if got := m.ask(t, "server/discover", "{}"); strings.Contains(got, tasksExtension) {
			t.Errorf("declared across the eras: %s", got)
		}
		if got := m.ask(t, "tools/list", "{}"); strings.Contains(got, "execution") {
			t.Errorf("listed across the eras: %s", got)
		}
		if got := g.legacy(t, "{}").ask(t, "tools/list", "{}"); strings.Count(got, plain) != 2 {
			t.Errorf("not listed: %s", got)
		}
		if got := textOf(m.ask(t, "tools/call", `{"name":"job","arguments":{}`+asTask+`}`)); !strings.Contains(got, "not run as a task") || strings.Contains(got, "ttl") {
			t.Errorf("a modern client that writes params.task: %s", got)
		}
		if code, _ := fault(m.about(t, "tasks/get", "x")); code != -32601 {
			t.Errorf("tasks/get across the eras: %d", code)
		}
	})
	t.Run("modern", func(t *testing.T) {
		t.Parallel()
		g := open(t, startTaskPeer(t, true).server("up"))
		if got := hello(g, legacyRevision); strings.Contains(got, "tasks") {
			t.Errorf("declared across the eras: %s", got)
		}
		if got := g.modernClient("{}").ask(t, "server/discover", "{}"); !strings.Contains(got, `"extensions":{"`+tasksExtension+`":{}}`) {
			t.Errorf("not declared: %s", got)
		}
		c := g.legacy(t, takesTasks)
		if got := c.ask(t, "tools/list", "{}"); strings.Contains(got, "execution") {
			t.Errorf("listed across the eras: %s", got)
		}
		if got := textOf(c.ask(t, "tools/call", `{"name":"job","arguments":{}`+asTask+`}`)); !strings.Contains(got, "not run as a task") || strings.Contains(got, "ttl") {
			t.Errorf("a legacy client that asks for a task: %s", got)
		}
		if got := c.ask(t, "tools/call", `{"name":"sneaky","arguments":{}}`); strings.Contains(got, "task-") {
			t.Errorf("a task of the other era: %s", got)
		}
	})
	t.Run("both", func(t *testing.T) {
		t.Parallel()
		with, without := startTaskPeer(t, false), startPeer(t, false)
		without.setList("tools/list", `{"tools":[{"name":"plain","inputSchema":{"type":"object"},"execution":{"taskSupport":"optional"}}]}`)
		g := open(t, with.server("up"), without.server("down"))
		c := g.legacy(t, "{}")
		if got := c.ask(t, "tools/list", "{}"); strings.Count(got, plain) != 2 {
			t.Errorf("a tool of a server without tasks promises some: %s", got)
		}
		code, says := fault(c.ask(t, "tools/call", `{"name":"plain","arguments":{}`+asTask+`}`))
		if code != -32601 || !strings.Contains(says, "cannot be run as a task") {
			t.Errorf("a task of a server without: %d %s", code, says)
		}
		alone := open(t, without.server("down"))
		alone.legacy(t, "{}").ask(t, "tools/call", `{"name":"plain","arguments":{}`+asTask+`}`)
		calls := without.got("tools/call")
		if len(calls) != 1 || strings.Contains(calls[0].raw, "ttl") {
			t.Errorf("who was promised nothing and asks for a task is not heeded: %v", calls)
		}
	})
}

// TestModernTask follows a task of the modern era.
func TestModernTask(t *testing.T) {
	t.Parallel()
	p := startTaskPeer(t, true)
	g := open(t, p.server("up"))
	c := g.modernClient(takesTasks)
	id, answer := c.jobOf(t, "")
	hidesIDs(t, "the beginning", answer)
	if !strings.Contains(answer, `"resultType":"task"`) || !strings.Contains(answer, `"big":1.10`) {
		t.Errorf("the beginning: %s", answer)
	}
	if got := c.about(t, "tasks/get", id); !strings.Contains(got, `"taskId":"`+id+`"`) {
		t.Errorf("tasks/get: %s", got)
	}
	if got := p.got("tasks/get"); len(got) != 1 || got[0].header.Get("Mcp-Name") != "task-1" || got[0].param("taskId") != `"task-1"` {
		t.Errorf("the server got %v", got)
	}
	in := c.post(t, c.request(99, "tasks/get", fmt.Sprintf(`{"taskId":%q}`, id)), map[string]string{"Mcp-Name": "task-1"})
	if code, _ := fault(in.last(t)); code != -32020 || in.status != 400 {
		t.Errorf("another Mcp-Name: %d %d", in.status, code)
	}
	if got := c.abouts(t, "tasks/update", id, `,"inputResponses":{"k":{"action":"accept"}}`); !strings.Contains(got, `"complete"`) {
		t.Fatalf("tasks/update: %s", got)
	}
	if got := <-p.task("task-1").input; got != `{"k":{"action":"accept"}}` {
		t.Errorf("the server was answered %s", got)
	}
	if got := c.about(t, "tasks/cancel", id); !strings.Contains(got, `"resultType":"complete"`) {
		t.Errorf("tasks/cancel: %s", got)
	}
	for _, method := range []string{"tasks/result", "tasks/list"} {
		if code, _ := fault(c.about(t, method, id)); code != -32601 {
			t.Errorf("%s: %d", method, code)
		}
	}
}

// TestModernUndeclared answers clients that do not take tasks.
func TestModernUndeclared(t *testing.T) {
	t.Parallel()
	p := startTaskPeer(t, true)
	g := open(t, p.server("up"))
	id, _ := g.modernClient(takesTasks).jobOf(t, "")
	c := g.modernClient("{}")
	if got := textOf(c.ask(t, "tools/call", `{"name":"job","arguments":{}}`)); !strings.Contains(got, "not run as a task") {
		t.Errorf("without tasks: %s", got)
	}
	for what, got := range map[string]string{
		"a server that does not heed it": c.ask(t, "tools/call", `{"name":"sneaky","arguments":{}}`),
		"tasks/get":                      c.about(t, "tasks/get", id),
		"listening":                      c.ask(t, "subscriptions/listen", fmt.Sprintf(`{"notifications":{"taskIds":[%q]}}`, id)),
	} {
		if code, _ := fault(got); code != -32021 || !strings.Contains(got, `"data":{"requiredCapabilities":{"extensions":{"`+tasksExtension+`":{}}}}`) {
			t.Errorf("%s: %s", what, got)
		}
		hidesIDs(t, what, got)
	}
}

// TestModernTaskNotices tells of tasks to who asked for it.
func TestModernTaskNotices(t *testing.T) {
	t.Parallel()
	p, q := startTaskPeer(t, true), startTaskPeer(t, true)
	second := q.server("second")
	second.Prefix = "second"
	cfg := configured(t, p.server("up"), second)
	cfg.APIKey = "0123456789abcdef0123456789abcdef"
	g := openWith(t, cfg)
	c, other := g.modernClient(takesTasks), g.modernClient(takesTasks)
	other.key = cfg.APIKey
	id, _ := c.jobOf(t, "")
	foreign, _ := other.jobOf(t, "")
	answer := c.ask(t, "tools/call", `{"name":"second.job","arguments":{}}`)
	far := regexp.MustCompile(`"taskId":"([^"]+)"`).FindStringSubmatch(answer)[1]
	in, listenID := c.start(t, "subscriptions/listen", fmt.Sprintf(`{"notifications":{"taskIds":[%q,%q,%q,"x",7]}}`, id, foreign, far), nil)
	ack := in.must(t, "notifications/subscriptions/acknowledged")
	hidesIDs(t, "the acknowledgement", ack)
	if !strings.Contains(ack, id) || !strings.Contains(ack, far) || strings.Contains(ack, foreign) || strings.Contains(ack, `"x"`) {
		t.Errorf("acknowledged: %s", ack)
	}
	if got := p.got("subscriptions/listen"); strings.Contains(got[len(got)-1].raw, "task-2") {
		t.Errorf("the server is asked for somebody else's task: %s", got[len(got)-1].raw)
	}
	eventually(t, "the server tells of the task", func() bool { return p.told("task-1") })
	told := in.must(t, `"method":"notifications/tasks"`)
	if !strings.Contains(told, `"taskId":"`+id+`"`) || !strings.Contains(told, fmt.Sprintf(`subscriptionId":%d`, listenID)) {
		t.Errorf("told: %s", told)
	}
	if !q.told("task-1") || !strings.Contains(in.must(t, `"method":"notifications/tasks"`), far) {
		t.Error("nothing is told of the other server's task")
	}
	in.end()
}

// TestForeignTasks addresses tasks by ids that are somebody else's, forged, of another server or not allowed any more.
func TestForeignTasks(t *testing.T) {
	t.Parallel()
	for _, modern := range []bool{false, true} {
		t.Run(map[bool]string{false: "legacy", true: "modern"}[modern], func(t *testing.T) {
			t.Parallel()
			p := startTaskPeer(t, modern)
			cfg := configured(t, p.server("up"))
			cfg.APIKey = "0123456789abcdef0123456789abcdef"
			g := openWith(t, cfg)
			client := func(key string) *client {
				if modern {
					c := g.modernClient(takesTasks)
					c.key = key
					return c
				}
				return g.legacyWithKey(t, "{}", key)
			}
			mine, other := client(""), client(cfg.APIKey)
			id, _ := mine.jobOf(t, asTask)
			flipped := []byte(id)
			flipped[len(id)/2] ^= 1
			methods := []string{"tasks/get", "tasks/cancel"}
			if modern {
				methods = append(methods, "tasks/update")
			} else {
				methods = append(methods, "tasks/result")
			}
			for _, method := range methods {
				before := p.count(method)
				for what, bad := range map[string]string{
					"raw": "task-1", "forged": string(flipped), "a state": "sumun1.AAAA", "long": strings.Repeat("x", 3000),
				} {
					if code, says := fault(mine.about(t, method, bad)); code != -32602 || !strings.HasPrefix(says, "unknown task: ") {
						t.Errorf("%s, %s: %d %s", method, what, code, says)
					}
				}
				if code, says := fault(other.about(t, method, id)); code != -32602 || !strings.HasPrefix(says, "unknown task: ") {
					t.Errorf("%s, somebody else's: %d %s", method, code, says)
				}
				if p.count(method) != before {
					t.Errorf("%s reached the server", method)
				}
			}
			if got := mine.about(t, "tasks/get", id); !strings.Contains(got, `"status":"working"`) {
				t.Errorf("the honest call: %s", got)
			}
			if !modern {
				meta := `,"_meta":{"` + metaPrefix + `related-task":{"taskId":"task-1"},"vendor":1.10}`
				if got := textOf(other.ask(t, "tools/call", `{"name":"echo","arguments":{}`+meta+`}`)); strings.Contains(got, "task-1") || !strings.Contains(got, "1.10") {
					t.Errorf("a client that puts its call into somebody's task: the server is told %s", got)
				}
			}
			records := strings.Join(g.records(t), "\n")
			for _, reason := range []string{"forged-state", "stolen-state"} {
				if !strings.Contains(records, `"reason":"`+reason+`"`) {
					t.Errorf("no record says %s", reason)
				}
			}
			if !strings.Contains(records, `"method":"tasks/get"`) || !strings.Contains(records, `"name":"job"`) || strings.Contains(records, id) {
				t.Errorf("the record of a task names its tool, and never the id:\n%s", records)
			}
		})
	}
}

// TestTaskElsewhere addresses a task from another session, in whose session with the server the same id may be another task.
func TestTaskElsewhere(t *testing.T) {
	t.Parallel()
	p := startTaskPeer(t, false)
	g := open(t, p.server("up"))
	own, shared := g.legacy(t, `{"elicitation":{}}`), g.legacy(t, "{}")
	id, _ := own.jobOf(t, asTask)
	for name, c := range map[string]*client{"that clients share": shared, "of another client": g.legacy(t, `{"elicitation":{}}`)} {
		if code, says := fault(c.about(t, "tasks/get", id)); code != -32602 || !strings.HasPrefix(says, "unknown task: ") {
			t.Errorf("in a session %s: %d %s", name, code, says)
		}
	}
	if n := p.count("tasks/get"); n != 0 {
		t.Errorf("%d calls reached the server", n)
	}
	id, _ = shared.jobOf(t, asTask)
	if got := g.legacy(t, "{}").about(t, "tasks/get", id); !strings.Contains(got, `"working"`) {
		t.Errorf("the same caller, in the session that its clients share: %s", got)
	}
}

// TestTaskIDGivenTwice has a server that was started anew give the id of one caller's task to another caller's.
func TestTaskIDGivenTwice(t *testing.T) {
	t.Parallel()
	p := startTaskPeer(t, false)
	cfg := configured(t, p.server("up"))
	cfg.APIKey = "0123456789abcdef0123456789abcdef"
	g := openWith(t, cfg)
	mine, other := g.legacy(t, "{}"), g.legacyWithKey(t, "{}", cfg.APIKey)
	id, _ := mine.jobOf(t, asTask)
	p.mu.Lock()
	p.tasks = nil
	p.mu.Unlock()
	otherID, _ := other.jobOf(t, asTask)
	if code, _ := fault(mine.about(t, "tasks/get", id)); code != -32602 {
		t.Errorf("the one whose task is gone: %d", code)
	}
	if got := other.about(t, "tasks/get", otherID); !strings.Contains(got, `"working"`) {
		t.Errorf("the other's: %s", got)
	}
	if got := other.ask(t, "tasks/list", "{}"); strings.Count(got, otherID) != 1 {
		t.Errorf("the other's list: %s", got)
	}
}

// TestTaskSurvivesRestart addresses a task of the modern era after the gate was started again.
func TestTaskSurvivesRestart(t *testing.T) {
	t.Parallel()
	p := startTaskPeer(t, true)
	cfg := configured(t, p.server("up"))
	g := openWith(t, cfg)
	id, _ := g.modernClient(takesTasks).jobOf(t, "")
	g.stop()
	again := openWith(t, cfg)
	if got := again.modernClient(takesTasks).about(t, "tasks/get", id); !strings.Contains(got, `"taskId":"`+id+`"`) {
		t.Errorf("after a restart: %s", got)
	}
}

// TestTaskKeepsSession does not end the session in which a task runs because it is idle.
func TestTaskKeepsSession(t *testing.T) {
	t.Parallel()
	p := startTaskPeer(t, false)
	server := p.server("up")
	server.IdleStop = 50 * time.Millisecond
	g := open(t, server)
	c := g.legacy(t, `{"elicitation":{}}`)
	id, _ := c.jobOf(t, asTask)
	before := p.openTalks()
	time.Sleep(300 * time.Millisecond)
	if after := p.openTalks(); after < before {
		t.Errorf("%d sessions are left of %d", after, before)
	}
	if got := c.about(t, "tasks/get", id); !strings.Contains(got, `"working"`) {
		t.Errorf("tasks/get: %s", got)
	}
}

// TestTaskNotOnRecord has requests about a task refused in every way that a door knows: no record holds its id, which opens something.
func TestTaskNotOnRecord(t *testing.T) {
	t.Parallel()
	for _, modern := range []bool{true, false} {
		t.Run(eraName(modern), func(t *testing.T) {
			t.Parallel()
			p := startTaskPeer(t, modern)
			g := open(t, p.server("up"))
			var c *client
			var more string
			if modern {
				c = g.modernClient(takesTasks)
			} else {
				c, more = g.legacy(t, `{"elicitation":{}}`), asTask
			}
			id, _ := c.jobOf(t, more)
			c.about(t, "tasks/get", id)
			if modern {
				in, _ := c.start(t, "tasks/get", fmt.Sprintf(`{"taskId":%q}`, id), map[string]string{"Mcp-Name": "another"})
				if code, _ := fault(in.last(t)); code != -32020 {
					t.Errorf("another name in the header: %d", code)
				}
			} else {
				in, n := c.start(t, "tasks/result", fmt.Sprintf(`{"taskId":%q}`, id), nil)
				in.must(t, "log of task-1")
				if raw := c.post(t, c.request(n, "tasks/get", fmt.Sprintf(`{"taskId":%q}`, id)), nil).last(t); !strings.Contains(raw, "error") {
					t.Errorf("an id that is in use: %s", raw)
				}
				c.post(t, fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`, n), nil).end()
			}
			c.about(t, "tasks/get", id[:len(id)-4]+"AAAA")
			if records := strings.Join(g.records(t), "\n"); strings.Contains(records, id) || strings.Contains(records, id[:len(id)-4]) {
				t.Errorf("the id of the task is on record:\n%s", records)
			}
		})
	}
}

// TestTaskChecked holds the result of a tool that runs as a task to the tool's outputSchema, as that of any other call.
func TestTaskChecked(t *testing.T) {
	t.Parallel()
	p := startTaskPeer(t, false)
	p.setList("tools/list", `{"tools":[{"name":"job","inputSchema":{"type":"object"},"outputSchema":{"type":"object"},"execution":{"taskSupport":"optional"}}]}`)
	server := p.server("up")
	server.Tools.Check = true
	c := open(t, server).legacy(t, `{"elicitation":{},"tasks":{"requests":{"elicitation":{"create":{}}}}}`)
	id, _ := c.jobOf(t, asTask)
	in, _ := c.start(t, "tasks/result", fmt.Sprintf(`{"taskId":%q}`, id), nil)
	in.must(t, "log of task-1")
	c.reply(t, in.must(t, "which?"), `{"action":"accept","content":{},"_meta":{"`+metaPrefix+`related-task":{"taskId":"`+id+`"}}}`)
	if last := in.last(t); !strings.Contains(last, "outputSchema promises") {
		t.Errorf("the result is %s", last)
	}
}
