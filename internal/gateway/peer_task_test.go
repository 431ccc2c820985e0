package gateway_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sumun-mcp/sumun/internal/config"
)

const tasksExtension = metaPrefix + "tasks"

// takesTasks are the capabilities of a modern client that takes tasks.
const takesTasks = `{"extensions":{"` + tasksExtension + `":{}}}`

// A taskPeer is an httpPeer that runs its tool "job" as a task: in the legacy era when it is asked to, in the modern one
// whenever the client takes tasks. It lists the tasks of everybody to everybody.
type taskPeer struct {
	*httpPeer

	front *httptest.Server

	mu     sync.Mutex
	tasks  []*peerTask
	tellTo map[string]func(string) // the streams that want to be told of a task, by its id; modern
	paged  int                     // how many tasks stand on a page of the list
}

type peerTask struct {
	id, status, token string
	input             chan string
}

func startTaskPeer(t *testing.T, modern bool) *taskPeer {
	t.Helper()
	p := &taskPeer{httpPeer: startPeer(t, modern), tellTo: map[string]func(string){}, paged: 2}
	var tools []string
	for _, tool := range []string{"job", "sneaky"} {
		tools = append(tools, fmt.Sprintf(`{"name":%q,"inputSchema":{"type":"object"},"execution":{"taskSupport":"optional"}}`, tool))
	}
	p.setList("tools/list", `{"tools":[`+strings.Join(append(tools, standardTools...), ",")+`]`+p.envelope(true)+`}`)
	p.front = httptest.NewServer(p)
	t.Cleanup(func() {
		p.front.CloseClientConnections()
		p.front.Close()
	})
	return p
}

func (p *taskPeer) server(name string) config.Server {
	s := p.httpPeer.server(name)
	s.URL = p.front.URL
	return s
}

// ServeHTTP answers what is about tasks, and leaves the rest to the httpPeer.
func (p *taskPeer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var m message
	_ = json.Unmarshal(body, &m)
	switch {
	case m.Method == "initialize" || m.Method == "server/discover":
		rec := httptest.NewRecorder()
		p.httpPeer.ServeHTTP(rec, r)
		had := `"completions":{}`
		more := had + `,"tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}}`
		if p.modern {
			more = had + `,"extensions":{"` + tasksExtension + `":{}}`
		}
		maps.Copy(w.Header(), rec.Header())
		w.WriteHeader(rec.Code)
		_, _ = io.WriteString(w, strings.Replace(rec.Body.String(), had, more, 1))
		return
	case strings.HasPrefix(m.Method, "tasks/"):
	case m.Method == "tools/call" && (m.param("name") == `"job"` || m.param("name") == `"sneaky"`):
	case m.Method == "subscriptions/listen" && m.param("notifications", "taskIds") != "":
	default:
		p.httpPeer.ServeHTTP(w, r)
		return
	}
	t := p.all
	if t == nil {
		t = p.talk(r.Header.Get("Mcp-Session-Id"))
	}
	p.peer.mu.Lock()
	p.seen = append(p.seen, received{talk: t.id, raw: string(body), header: r.Header, message: m})
	p.peer.mu.Unlock()
	s := &sayer{w: w}
	answer := strings.ReplaceAll(p.answer(r.Context(), t, m, s.say), "$ID", string(m.ID))
	if s.open {
		s.say(answer)
	} else {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}
	s.close()
}

func (p *taskPeer) answer(ctx context.Context, t *talk, m message, say func(string)) string {
	if m.Method == "tools/call" {
		return p.begin(t, m)
	}
	if m.Method == "tasks/list" {
		return p.page(m)
	}
	if m.Method == "subscriptions/listen" {
		return p.tell(ctx, m, say)
	}
	var id string
	_ = json.Unmarshal([]byte(m.param("taskId")), &id)
	task := p.task(id)
	if task == nil {
		return failure(-32602, "Task not found: "+id)
	}
	switch m.Method {
	case "tasks/get":
		return result(p.show(task, ""))
	case "tasks/cancel":
		p.set(task, "cancelled")
		if p.modern {
			return result(`{"resultType":"complete"}`)
		}
		return result(p.show(task, ""))
	case "tasks/update":
		task.input <- m.param("inputResponses")
		p.set(task, "completed")
		return result(`{"resultType":"complete"}`)
	}
	return p.result(ctx, t, task, say)
}

// begin begins a task if it may.
func (p *taskPeer) begin(t *talk, m message) string {
	sneaky := m.param("name") == `"sneaky"`
	takes := strings.Contains(m.param("_meta", metaPrefix+"clientCapabilities"), tasksExtension)
	if !sneaky && (p.modern && !takes || !p.modern && m.param("task") == "") {
		return t.text("not run as a task " + string(m.Params))
	}
	p.mu.Lock()
	task := &peerTask{id: fmt.Sprintf("task-%d", len(p.tasks)+1), status: "working", token: m.param("_meta", "progressToken"), input: make(chan string, 1)}
	p.tasks = append(p.tasks, task)
	p.mu.Unlock()
	if p.modern {
		return result(p.show(task, `"resultType":"task",`))
	}
	return result(`{"vendor":1.10,"task":` + p.show(task, "") + `,"_meta":{"` + metaPrefix + `model-immediate-response":"soon"}}`)
}

func (p *taskPeer) task(id string) *peerTask {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, t := range p.tasks {
		if t.id == id {
			return t
		}
	}
	return nil
}

func (p *taskPeer) set(t *peerTask, status string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t.status = status
}

// show is a task as JSON.
func (p *taskPeer) show(t *peerTask, head string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.modern {
		if head == "" {
			head = `"resultType":"complete",`
		}
		return fmt.Sprintf(`{%s"taskId":%q,"status":%q,"createdAt":"2026-01-01T00:00:00Z","lastUpdatedAt":"2026-01-01T00:00:00Z","ttlMs":60000,"big":1.10}`, head, t.id, t.status)
	}
	return fmt.Sprintf(`{"taskId":%q,"status":%q,"createdAt":"2026-01-01T00:00:00Z","lastUpdatedAt":"2026-01-01T00:00:00Z","ttl":60000,"big":1.10}`, t.id, t.status)
}

// page is a page of the list.
func (p *taskPeer) page(m message) string {
	var from int
	_, _ = fmt.Sscanf(m.param("cursor"), `"from %d"`, &from)
	p.mu.Lock()
	all, to := slices.Clone(p.tasks), min(from+p.paged, len(p.tasks))
	p.mu.Unlock()
	var shown []string
	for _, t := range all[from:to] {
		shown = append(shown, p.show(t, ""))
	}
	next := ""
	if to < len(all) {
		next = fmt.Sprintf(`,"nextCursor":"from %d"`, to)
	}
	return result(`{"tasks":[` + strings.Join(shown, ",") + `]` + next + `}`)
}

// related is the _meta of what belongs to a task.
func related(id string) string {
	return fmt.Sprintf(`"_meta":{"%srelated-task":{"taskId":%q}}`, metaPrefix, id)
}

// result is the result of a task: on the way it tells how far it is, logs, tells of a task of nobody, and asks the client.
func (p *taskPeer) result(ctx context.Context, t *talk, task *peerTask, say func(string)) string {
	if task.token != "" {
		say(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":0.50,%s}}`, task.token, related(task.id)))
	}
	for _, id := range []string{task.id, "task-of-nobody"} {
		say(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"log of ` + cmp.Or(id, "?") + `",` + related(id) + `}}`)
	}
	said := t.ask(ctx, say, "elicitation/create", `{"message":"which?","requestedSchema":{"type":"object","properties":{}},`+related(task.id)+`}`)
	text, _ := json.Marshal(said)
	p.set(task, "completed")
	return result(`{"content":[{"type":"text","text":` + string(text) + `}],` + related(task.id) + `}`)
}

// announceTask tells on every talk how a task of the legacy era is.
func (p *taskPeer) announceTask(id string) {
	p.announce(`{"jsonrpc":"2.0","method":"notifications/tasks/status","params":`+p.show(p.task(id), "")+`}`, "")
}

// tell is a stream on which a modern client is told of tasks.
func (p *taskPeer) tell(ctx context.Context, m message, say func(string)) string {
	var ids []string
	_ = json.Unmarshal([]byte(m.param("notifications", "taskIds")), &ids)
	meta := fmt.Sprintf(`"_meta":{"%ssubscriptionId":%s}`, metaPrefix, m.ID)
	known := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return p.task(id) == nil })
	list, _ := json.Marshal(known)
	p.mu.Lock()
	for _, id := range known {
		p.tellTo[id] = func(params string) {
			say(`{"jsonrpc":"2.0","method":"notifications/tasks","params":{` + meta + `,` + strings.TrimPrefix(params, "{") + `}`)
		}
	}
	p.mu.Unlock()
	say(`{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{` + meta + `,"notifications":{"taskIds":` + string(list) + `}}}`)
	<-ctx.Done()
	return result(`{"resultType":"complete"}`)
}

// told tells the stream of a modern client how a task is; it reports false if there is none.
func (p *taskPeer) told(id string) bool {
	params := p.show(p.task(id), `"x":1,`)
	p.mu.Lock()
	say := p.tellTo[id]
	p.mu.Unlock()
	if say != nil {
		say(params)
	}
	return say != nil
}
