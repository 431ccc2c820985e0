package zoo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A Server is an MCP server of the legacy era that says what its fields say, true or not. What it offers is changed by Change alone.
type Server struct {
	Name, Version, Instructions string
	Tools                       []Tool
	Prompts                     []Prompt
	Resources                   []Resource
	// Change is called before each request is answered, by one at a time. It may change what the server offers; what it returns
	// says whether clients are told of it.
	Change func(s *Server, v Visit) (announce bool)
	// After is added to what a tool has answered; nil for nothing.
	After func(tool string) string
	// Structured has answers carry their text as structuredContent too.
	Structured bool
	// Wild answers instead of the server, with bytes that may be anything; ok says whether it does. Without bytes nothing is ever answered.
	Wild func(r Request) (answer []byte, ok bool)
	// HTTP is how it stands on HTTP.
	HTTP Surface
	// Beside runs beside the server until ctx ends; nil for nothing.
	Beside func(ctx context.Context)

	now func() time.Time

	mu    sync.Mutex // guards what follows, and what Change changes
	calls int
}

// A Visit is what a server knows when it is asked.
type Visit struct {
	// Method is what it is asked, and Client how the client calls itself.
	Method, Client string
	// Calls is how often its tools have been called before.
	Calls int
	// Now is the time.
	Now time.Time
}

// A Tool is an element of tools/list, and what it does.
type Tool struct {
	Name, Title, Description string
	// Schema, Output and Annotations are JSON; Schema is that of an object without properties if it is empty.
	Schema, Output, Annotations string
	// Answer answers a call; an error is the answer of a tool that failed.
	Answer func(arguments map[string]any) (string, error)
	// Act does it instead, for tools that reach out.
	Act func(ctx context.Context, arguments map[string]any) (string, error)
}

// A Prompt is an element of prompts/list with one argument, topic, and the text it is rendered as.
type Prompt struct{ Name, Description, Text string }

// A Resource is an element of resources/list, and its text.
type Resource struct{ URI, Name, Description, Text string }

// A talk is one client's conversation with a server.
type talk struct {
	client string
	say    func(message []byte) // carries a notification; nil where there is no way
}

// A Request is a message to a server.
type Request struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
}

type object = map[string]any

// A fault is an error of JSON-RPC.
type fault struct {
	code    int
	message string
}

func (f *fault) Error() string { return f.message }

// answer answers a message, nil for none. It waits for ctx where nothing is ever answered.
func (s *Server) answer(ctx context.Context, t *talk, raw []byte) []byte {
	var r Request
	if err := json.Unmarshal(raw, &r); err != nil {
		return encode(object{"jsonrpc": "2.0", "id": nil, "error": object{"code": -32700, "message": "parse error"}})
	}
	if s.Wild != nil {
		if wild, ok := s.Wild(r); ok {
			if wild == nil {
				<-ctx.Done()
			}
			return wild
		}
	}
	if len(r.ID) == 0 {
		return nil
	}
	result, err := s.result(ctx, t, &r)
	if err != nil {
		f := &fault{-32603, err.Error()}
		_ = errors.As(err, &f)
		return encode(object{"jsonrpc": "2.0", "id": r.ID, "error": object{"code": f.code, "message": f.message}})
	}
	return encode(object{"jsonrpc": "2.0", "id": r.ID, "result": result})
}

func (s *Server) result(ctx context.Context, t *talk, r *Request) (object, error) {
	if r.Method == "initialize" {
		t.client = clientOf(r.Params)
	}
	s.turn(t, r)
	switch r.Method {
	case "initialize":
		return s.initialize(r.Params), nil
	case "ping":
		return object{}, nil
	case "tools/list":
		return s.list("tools", len(s.Tools), func(i int) object { return s.Tools[i].element() }), nil
	case "prompts/list":
		return s.list("prompts", len(s.Prompts), func(i int) object { return s.Prompts[i].element() }), nil
	case "resources/list":
		return s.list("resources", len(s.Resources), func(i int) object { return s.Resources[i].element() }), nil
	case "resources/templates/list":
		return object{"resourceTemplates": []object{}}, nil
	case "tools/call":
		return s.call(ctx, r.Params)
	case "prompts/get":
		return s.prompt(r.Params)
	case "resources/read":
		return s.read(r.Params)
	}
	return nil, &fault{-32601, "method not found: " + r.Method}
}

// turn lets the server change before it answers.
func (s *Server) turn(t *talk, r *Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Change != nil && s.Change(s, Visit{r.Method, t.client, s.calls, s.now()}) && t.say != nil {
		t.say(encode(object{"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}))
	}
}

// clientOf returns how a client names itself.
func clientOf(params json.RawMessage) string {
	var p struct {
		Client struct {
			Name string `json:"name"`
		} `json:"clientInfo"`
	}
	_ = json.Unmarshal(params, &p) // who does not say it has no name
	return p.Client.Name
}

func (s *Server) initialize(params json.RawMessage) object {
	var p struct {
		Version string `json:"protocolVersion"`
	}
	_ = json.Unmarshal(params, &p) // the newest revision, then
	can := object{"tools": object{"listChanged": true}}
	if len(s.Prompts) > 0 {
		can["prompts"] = object{}
	}
	if len(s.Resources) > 0 {
		can["resources"] = object{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	result := object{"protocolVersion": mcp.Negotiate(p.Version).Name, "capabilities": can, "serverInfo": object{"name": s.Name, "version": cmp.Or(s.Version, "1.0.0")}}
	if s.Instructions != "" {
		result["instructions"] = s.Instructions
	}
	return result
}

func (s *Server) list(member string, n int, element func(i int) object) object {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]object, 0, n)
	for i := range n {
		all = append(all, element(i))
	}
	return object{member: all}
}

func (s *Server) call(ctx context.Context, params json.RawMessage) (object, error) {
	var p struct {
		Name      string         `json:"name"`
		Arguments map[string]any `json:"arguments"`
	}
	if err := json.Unmarshal(params, &p); err != nil || p.Name == "" {
		return nil, &fault{-32602, "invalid request parameters"}
	}
	s.mu.Lock()
	at := slices.IndexFunc(s.Tools, func(t Tool) bool { return t.Name == p.Name })
	if at < 0 {
		s.mu.Unlock()
		return told("Unknown tool: "+p.Name, true), nil
	}
	tool, after := s.Tools[at], s.After
	s.calls++
	s.mu.Unlock()
	if missing := tool.missing(p.Arguments); missing != "" {
		return told("Missing required argument: "+missing, true), nil
	}
	text, err := tool.do(ctx, p.Arguments)
	if err != nil {
		return told(err.Error(), true), nil
	}
	if after != nil {
		text += after(p.Name)
	}
	result := told(text, false)
	if s.Structured {
		result["structuredContent"] = object{"result": text}
	}
	return result, nil
}

func (s *Server) prompt(params json.RawMessage) (object, error) {
	var p struct {
		Name      string            `json:"name"`
		Arguments map[string]string `json:"arguments"`
	}
	_ = json.Unmarshal(params, &p)
	for _, prompt := range s.Prompts {
		if prompt.Name == p.Name {
			text := fmt.Sprintf("%s\n\nTopic: %s", prompt.Text, p.Arguments["topic"])
			return object{"messages": []object{{"role": "user", "content": object{"type": "text", "text": text}}}}, nil
		}
	}
	return nil, &fault{-32602, "unknown prompt"}
}

func (s *Server) read(params json.RawMessage) (object, error) {
	var p struct {
		URI string `json:"uri"`
	}
	_ = json.Unmarshal(params, &p)
	for _, r := range s.Resources {
		if r.URI == p.URI {
			return object{"contents": []object{{"uri": r.URI, "mimeType": "text/plain", "text": r.Text}}}, nil
		}
	}
	return nil, &fault{-32002, "resource not found"}
}

func (t *Tool) element() object {
	e := object{"name": t.Name, "description": t.Description, "inputSchema": json.RawMessage(cmp.Or(t.Schema, `{"type":"object"}`))}
	if t.Title != "" {
		e["title"] = t.Title
	}
	if t.Output != "" {
		e["outputSchema"] = json.RawMessage(t.Output)
	}
	if t.Annotations != "" {
		e["annotations"] = json.RawMessage(t.Annotations)
	}
	return e
}

func (t *Tool) do(ctx context.Context, arguments map[string]any) (string, error) {
	if t.Act != nil {
		return t.Act(ctx, arguments)
	}
	return t.Answer(arguments)
}

// missing returns the first required argument that is not there.
func (t *Tool) missing(arguments map[string]any) string {
	var schema struct {
		Required []string `json:"required"`
	}
	_ = json.Unmarshal([]byte(t.Schema), &schema)
	for _, name := range schema.Required {
		if _, ok := arguments[name]; !ok {
			return name
		}
	}
	return ""
}

func (p *Prompt) element() object {
	return object{"name": p.Name, "description": p.Description, "arguments": []object{{"name": "topic", "description": "What it is about"}}}
}

func (r *Resource) element() object {
	return object{"uri": r.URI, "name": r.Name, "description": r.Description, "mimeType": "text/plain"}
}

func told(text string, failed bool) object {
	return object{"content": []object{{"type": "text", "text": text}}, "isError": failed}
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return []byte(`{"jsonrpc":"2.0","id":null,"error":{"code":-32603,"message":"an animal's JSON is broken"}}`)
	}
	return text
}
