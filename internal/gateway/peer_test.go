package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Names of the standard, written out here so that the tests do not ask the product what is right.
const (
	legacyRevision = "2025-11-25"
	modernRevision = "2026-07-28"
	metaPrefix     = "io.modelcontextprotocol/"
)

// A peer is a server behind the gateway whose every byte is known. It answers from a script, misbehaves on demand, and
// remembers what it was sent. One peer serves any number of talks, over HTTP (peer_http_test.go) or a pipe (peer_pipe_test.go).
type peer struct {
	modern bool
	// answers holds whole messages by method and name, as in "tools/call echo"; $ID is the request's id.
	answers map[string]string
	// plays is what further tools do, by name.
	plays map[string]play

	mu      sync.Mutex
	seen    []received
	lists   map[string]string // results by method
	talks   map[string]*talk  // by id
	opened  int
	release chan struct{} // ends the calls of the tool "hold"
	note    func(string)  // told of each message and event; nil for peers in this process

	// Of a peer that speaks exactly one revision (matrix_server_test.go): that, what has happened, and where it is written for
	// other processes.
	spec   *spec
	events []string
	diary  *os.File
}

// A play is what a tool does in a call: what it returns is the answer.
type play func(ctx context.Context, t *talk, m message, say func(string)) string

// offer gives a peer one more tool, before it is asked for its list. More is members of the tool, each after a comma.
func (p *peer) offer(name, more string, does play) {
	p.plays[name] = does
	tool := fmt.Sprintf(`{"tools":[{"name":%q,"inputSchema":{"type":"object"}%s},`, name, more)
	p.lists["tools/list"] = strings.Replace(p.lists["tools/list"], `{"tools":[`, tool, 1)
}

// received is one message that a peer was sent.
type received struct {
	talk   string
	raw    string
	header http.Header
	message
}

// A message is what a peer reads of a message.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

func newPeer(modern bool) *peer {
	p := &peer{modern: modern, answers: map[string]string{}, plays: map[string]play{}, talks: map[string]*talk{}, release: make(chan struct{})}
	p.lists = map[string]string{
		"tools/list":     `{"tools":[` + strings.Join(standardTools, ",") + `]` + p.envelope(true) + `}`,
		"prompts/list":   `{"prompts":[{"name":"greet","arguments":[{"name":"who"}]}]` + p.envelope(true) + `}`,
		"resources/list": `{"resources":[{"uri":"test://one","name":"one"},{"uri":"test://two","name":"two"}]` + p.envelope(true) + `}`,
		"resources/templates/list": `{"resourceTemplates":[{"uriTemplate":"test://item/{id}","name":"item"}]` +
			p.envelope(true) + `}`,
	}
	return p
}

// standardTools are the tools that every peer has; behave says what they do.
var standardTools = func() []string {
	var all []string
	for _, name := range []string{
		"echo", "progress", "hold", "forever", "elicit", "sample", "roots", "touch", "grow", "rubbish", "noise",
		"twice", "stray", "die", "flood", "duplicate", "leave",
	} {
		all = append(all, fmt.Sprintf(`{"name":%q,"inputSchema":{"type":"object"}}`, name))
	}
	return append(all, `{"name":"strict","inputSchema":{"type":"object","properties":{"path":{"type":"string"},`+
		`"options":{"type":"object","properties":{"mode":{"type":"string"}}},`+
		`"items":{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"}}}}}}}`,
		`{"name":"region","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},`+
			`"count":{"type":"integer","x-mcp-header":"Count"}}}}`)
}()

// envelope is what a result of a modern peer carries besides its value.
func (p *peer) envelope(cacheable bool) string {
	switch {
	case !p.modern:
		return ""
	case cacheable:
		return `,"resultType":"complete","ttlMs":0,"cacheScope":"private"`
	}
	return `,"resultType":"complete"`
}

// A talk is one legacy session with a peer, or all that a modern peer is told.
type talk struct {
	peer  *peer
	id    string
	hello message       // the initialize request
	over  chan struct{} // closed when the client has ended it

	mu             sync.Mutex
	unasked        func(string)           // says something that belongs to no call; nil until there is a stream for it
	waiting        map[string]chan string // for answers to questions, by id
	running        map[string]context.CancelFunc
	asked          int
	follows        map[string]bool // resources whose updates it is told of
	streams        []*told         // that are open in the modern era: an old one and the one that replaces it may both be
	level          string          // of log messages, as JSON
	visited        bool            // the URL that the tool "required" wants visited
	greeted, ready bool            // how far the handshake is
}

// told is one subscriptions/listen.
type told struct {
	say     func(string)
	follows map[string]bool
}

// tellers returns what says something that belongs to no call, or is about a resource, on each stream that is to be told.
func (t *talk) tellers(uri string) (all []func(string)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.streams {
		if uri == "" || s.follows[uri] {
			all = append(all, s.say)
		}
	}
	if len(t.streams) == 0 && t.unasked != nil && (uri == "" || t.follows[uri]) {
		all = append(all, t.unasked)
	}
	return all
}

func (p *peer) open() *talk {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opened++
	t := &talk{
		peer: p, id: fmt.Sprintf("talk-%d", p.opened), over: make(chan struct{}),
		waiting: map[string]chan string{}, running: map[string]context.CancelFunc{}, follows: map[string]bool{},
	}
	p.talks[t.id] = t
	return t
}

func (p *peer) talk(id string) *talk {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.talks[id]
}

// end forgets a talk.
func (p *peer) end(t *talk) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.talks[t.id] == t {
		delete(p.talks, t.id)
		close(t.over)
	}
}

// openTalks returns how many talks are open.
func (p *peer) openTalks() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.talks)
}

// got returns the messages of that method that the peer was sent so far.
func (p *peer) got(method string) []received {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []received
	for _, r := range p.seen {
		if r.Method == method {
			all = append(all, r)
		}
	}
	return all
}

// count returns how many messages of that method the peer was sent.
func (p *peer) count(method string) int { return len(p.got(method)) }

func (t *talk) follow(uri string, on bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if on && !t.follows[uri] && t.peer.spec != nil {
		t.peer.happens("follows " + uri)
	}
	t.follows[uri] = on
}

// announce says something on every talk, outside of calls; of a resource only where it is followed.
func (p *peer) announce(raw, uri string) {
	p.mu.Lock()
	var all []*talk
	for _, t := range p.talks {
		all = append(all, t)
	}
	p.mu.Unlock()
	for _, t := range all {
		for _, say := range t.tellers(uri) {
			say(raw)
		}
	}
}

// setList gives a list another result.
func (p *peer) setList(method, result string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lists[method] = result
}

// take takes one message. What belongs to it is said with say; the answer is returned, empty if there is none.
func (t *talk) take(ctx context.Context, raw string, header http.Header, say func(string)) string {
	var m message
	if err := json.Unmarshal([]byte(raw), &m); err != nil {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":%q}}`, err)
	}
	p := t.peer
	p.mu.Lock()
	p.seen = append(p.seen, received{talk: t.id, raw: raw, header: header, message: m})
	note := p.note
	p.mu.Unlock()
	if note != nil {
		note(raw)
	}
	switch {
	case m.Method == "":
		t.answered(string(m.ID), raw)
	case m.ID == nil:
		t.notified(m)
	default:
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		t.mu.Lock()
		t.running[string(m.ID)] = cancel
		t.mu.Unlock()
		return strings.ReplaceAll(t.answer(ctx, m, say), "$ID", string(m.ID))
	}
	return ""
}

func (t *talk) answered(id, raw string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.waiting[id]; c != nil {
		delete(t.waiting, id)
		c <- raw
	}
}

func (t *talk) notified(m message) {
	if m.Method != "notifications/cancelled" {
		return
	}
	var p struct {
		RequestID json.RawMessage `json:"requestId"`
	}
	_ = json.Unmarshal(m.Params, &p)
	t.mu.Lock()
	defer t.mu.Unlock()
	if cancel := t.running[string(p.RequestID)]; cancel != nil {
		cancel()
	}
}

// ask puts a question to the client on the stream of a call and waits for the whole answer.
func (t *talk) ask(ctx context.Context, say func(string), method, params string) string {
	t.mu.Lock()
	t.asked++
	id := fmt.Sprintf(`"q%d"`, t.asked)
	c := make(chan string, 1)
	t.waiting[id] = c
	t.mu.Unlock()
	say(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":%s}`, id, method, params))
	select {
	case raw := <-c:
		return raw
	case <-ctx.Done():
		return "cancelled"
	case <-time.After(10 * time.Second):
		return "no answer"
	}
}

// answer returns the answer to a request.
func (t *talk) answer(ctx context.Context, m message, say func(string)) string {
	p := t.peer
	switch m.Method {
	case "initialize":
		t.mu.Lock()
		t.hello = m
		t.mu.Unlock()
		return t.greet()
	case "server/discover":
		if !p.modern {
			return failure(-32601, "Method not found")
		}
		return result(fmt.Sprintf(`{"supportedVersions":[%q],"capabilities":%s%s,"_meta":{"%sserverInfo":{"name":"peer","version":"1"}}}`,
			modernRevision, p.abilities(), p.envelope(true), metaPrefix))
	case "logging/setLevel":
		t.mu.Lock()
		t.level = m.param("level")
		t.mu.Unlock()
		return result(`{}`)
	case "ping":
		return result(`{}`)
	case "resources/subscribe", "resources/unsubscribe":
		t.follow(m.param("uri"), m.Method == "resources/subscribe")
		return result(`{}`)
	case "subscriptions/listen":
		t.listen(ctx, m, say)
		return result(`{"resultType":"complete"}`)
	}
	p.mu.Lock()
	list := p.lists[m.Method]
	p.mu.Unlock()
	if m.Method == "tools/list" && p.grown() {
		list = strings.Replace(list, `{"tools":[`, `{"tools":[{"name":"new-tool","inputSchema":{"type":"object"}},`, 1)
	}
	if list != "" {
		return result(list)
	}
	return t.serve(ctx, m, say)
}

// abilities are what the peer says that it can do.
func (p *peer) abilities() string {
	if p.spec != nil {
		return p.spec.offers
	}
	return abilities
}

const abilities = `{"tools":{"listChanged":true},"prompts":{"listChanged":true},` +
	`"resources":{"listChanged":true,"subscribe":true},"completions":{},"logging":{}}`

func (t *talk) greet() string {
	if t.peer.modern {
		return failure(-32601, "this server does not know initialize")
	}
	revision := legacyRevision
	if t.peer.spec != nil {
		revision = t.peer.spec.name
	}
	return result(fmt.Sprintf(`{"protocolVersion":%q,"capabilities":%s,"serverInfo":{"name":"peer","version":"1"}}`, revision, t.peer.abilities()))
}

func (t *talk) listen(ctx context.Context, m message, say func(string)) {
	var p struct {
		Notifications json.RawMessage `json:"notifications"`
	}
	_ = json.Unmarshal(m.Params, &p)
	mine := &told{follows: map[string]bool{}}
	for _, uri := range []string{`"test://one"`, `"test://two"`} {
		mine.follows[uri] = strings.Contains(m.param("notifications", "resourceSubscriptions"), uri)
		t.follow(uri, mine.follows[uri])
	}
	tagged := func(raw string) {
		meta := fmt.Sprintf(`"_meta":{"%ssubscriptionId":%s}`, metaPrefix, m.ID)
		if strings.Contains(raw, `"params":{`) {
			say(strings.Replace(raw, `"params":{`, `"params":{`+meta+`,`, 1))
		} else {
			say(strings.TrimSuffix(raw, "}") + `,"params":{` + meta + `}}`)
		}
	}
	mine.say = tagged
	t.mu.Lock()
	t.unasked, t.streams = tagged, append(t.streams, mine)
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.streams = slices.DeleteFunc(t.streams, func(s *told) bool { return s == mine })
	}()
	tagged(`{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":` + string(p.Notifications) + `}}`)
	<-ctx.Done()
}

// serve answers what is addressed by name.
func (t *talk) serve(ctx context.Context, m message, say func(string)) string {
	var p struct {
		Name string `json:"name"`
		URI  string `json:"uri"`
		Ref  struct{ Name, URI string }
	}
	_ = json.Unmarshal(m.Params, &p)
	name := p.Name + p.URI + p.Ref.Name + p.Ref.URI
	if raw, ok := t.peer.answers[m.Method+" "+name]; ok {
		return raw
	}
	if t.peer.spec != nil {
		if raw, ok := t.play(ctx, m, name, say); ok {
			return raw
		}
	}
	switch m.Method {
	case "tools/call":
		return t.behave(ctx, m, name, say)
	case "prompts/get":
		return result(`{"messages":[{"role":"user","content":{"type":"text","text":"hello"}}]` + t.peer.envelope(false) + `}`)
	case "resources/read":
		if !strings.HasPrefix(name, "test://") || strings.HasSuffix(name, "missing") {
			if t.peer.modern {
				return failure(-32602, "Resource not found")
			}
			return failure(-32002, "Resource not found")
		}
		return result(fmt.Sprintf(`{"contents":[{"uri":%q,"text":"the text"}]%s}`, name, t.peer.envelope(true)))
	case "completion/complete":
		return result(`{"completion":{"values":["a","b"]}` + t.peer.envelope(false) + `}`)
	}
	return failure(-32601, "Method not found")
}

// text is a tool's answer of one text.
func (t *talk) text(s string) string {
	q, _ := json.Marshal(s)
	return result(`{"content":[{"type":"text","text":` + string(q) + `}]` + t.peer.envelope(false) + `}`)
}

func result(value string) string { return `{"jsonrpc":"2.0","id":$ID,"result":` + value + `}` }

func failure(code int, message string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":$ID,"error":{"code":%d,"message":%q}}`, code, message)
}

// param returns a member of the params or of their _meta, as it stands there.
func (m message) param(path ...string) string {
	raw := m.Params
	for _, name := range path {
		var object map[string]json.RawMessage
		_ = json.Unmarshal(raw, &object)
		raw = object[name]
	}
	return string(raw)
}

// behave is what the tools do.
func (t *talk) behave(ctx context.Context, m message, name string, say func(string)) string {
	if does := t.peer.plays[name]; does != nil {
		return does(ctx, t, m, say)
	}
	switch name {
	case "echo", "strict", "region":
		return t.text(string(m.Params))
	case "progress":
		return t.progress(m, say)
	case "hold":
		select {
		case <-t.peer.release:
			return t.text("held")
		case <-ctx.Done():
			t.remember("cancelled")
			return ""
		}
	case "forever":
		<-ctx.Done()
		t.remember("cancelled")
		return ""
	case "elicit", "sample", "roots":
		return t.question(ctx, m, name, say)
	case "touch":
		t.peer.announce(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"test://one","vendor":1.10}}`, `"test://one"`)
		return t.text("touched")
	case "grow":
		t.grow()
		return t.text("grown")
	case "leave":
		t.peer.end(t) // the session is forgotten
		return t.text("left")
	}
	return t.misbehave(name, say)
}

// progress says three times how far it is, and logs.
func (t *talk) progress(m message, say func(string)) string {
	for i := range 3 {
		say(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":%d,"x":1.10}}`,
			m.param("_meta", "progressToken"), i))
		level := []string{"debug", "info", "error"}[i]
		say(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":%q,"data":"log %d"}}`, level, i))
	}
	return t.text("progressed")
}

// question asks the client something: in the modern era by the end of the call.
func (t *talk) question(ctx context.Context, m message, name string, say func(string)) string {
	method, params := "elicitation/create", `{"message":"who are you?","requestedSchema":{"type":"object","properties":{}},"z":9007199254740993}`
	switch name {
	case "sample":
		method, params = "sampling/createMessage", `{"messages":[],"maxTokens":7}`
	case "roots":
		method, params = "roots/list", `{}`
	}
	if !t.peer.modern {
		return t.text(t.ask(ctx, say, method, params))
	}
	if answers := m.param("inputResponses"); answers != "" {
		return t.text(answers + " " + m.param("requestState"))
	}
	return result(fmt.Sprintf(`{"resultType":"input_required","inputRequests":{"k":{"method":%q,"params":%s}},"requestState":"st\u0061te"}`, method, params))
}

// grow adds a tool and says so.
func (t *talk) grow() {
	p := t.peer
	p.mu.Lock()
	list := p.lists["tools/list"]
	more := fmt.Sprintf(`{"tools":[{"name":"new-%d","inputSchema":{"type":"object"}},`, len(p.seen))
	p.lists["tools/list"] = strings.Replace(list, `{"tools":[`, more, 1)
	p.mu.Unlock()
	p.announce(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`, "")
}

// misbehave is what broken servers do.
func (t *talk) misbehave(name string, say func(string)) string {
	switch name {
	case "rubbish": // no JSON at all in the place of the answer
		return `}oops{`
	case "duplicate": // an answer that two readers would read differently
		return `{"jsonrpc":"2.0","id":$ID,"result":{"content":[]},"result":{"content":[{"type":"text","text":"other"}]}}`
	case "noise": // rubbish before the answer
		say("oops")
		say(`{"jsonrpc":"2.0"}`)
		say(`[1,2`)
		return t.text("after the noise")
	case "twice":
		say(strings.ReplaceAll(t.text("first"), "$ID", t.newest()))
		return t.text("second")
	case "stray":
		say(strings.ReplaceAll(t.text("nobody asked"), "$ID", "987654321"))
		return t.text("asked")
	case "die":
		panic(http.ErrAbortHandler)
	case "flood":
		t.remember("flood")
		return t.text("flooded")
	}
	return failure(-32602, "Unknown tool: "+name)
}

// newest returns the id of the newest tools/call.
func (t *talk) newest() string {
	calls := t.peer.got("tools/call")
	return string(calls[len(calls)-1].ID)
}

// remember notes an event as if it were a message of that method.
func (t *talk) remember(event string) {
	p := t.peer
	p.mu.Lock()
	p.seen = append(p.seen, received{talk: t.id, message: message{Method: event}})
	note := p.note
	p.mu.Unlock()
	if note != nil {
		note(event)
	}
}

// hellos returns the initialize requests of the talks so far, in the order in which they came.
func (p *peer) hellos() []string {
	var all []string
	for _, r := range p.got("initialize") {
		all = append(all, r.param("capabilities"))
	}
	return slices.Clip(all)
}
