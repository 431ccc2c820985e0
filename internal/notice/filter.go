package notice

import (
	"slices"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// A Filter says what a modern stream is told of.
type Filter struct {
	// Group is whose lists the listener is shown; changes of others' are not told.
	Group int
	// Tools, Prompts and Resources ask for the changes of these lists. Templates are among the resources.
	Tools, Prompts, Resources bool
	// URIs are the resources whose updates are told. Watch each, so that its server tells of it.
	URIs []string
	// Hello is sent before anything else, once nothing can be missed any more; nil sends nothing.
	Hello *wire.Message
}

// ReadFilter reads what a client of the modern era wants to be told of, params.notifications of subscriptions/listen. Of resources, those
// remain that are offered to it. The error is an *mcp.Error.
func ReadFilter(wanted []byte, offered func(uri string) bool) (*Filter, error) {
	if len(wanted) == 0 || wanted[0] != '{' {
		return nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params.notifications must be an object")
	}
	isTrue := func(name string) bool { return string(wire.Get(wanted, name)) == "true" }
	f := &Filter{Tools: isTrue("toolsListChanged"), Prompts: isTrue("promptsListChanged"), Resources: isTrue("resourcesListChanged")}
	uris := wire.Get(wanted, "resourceSubscriptions")
	if len(uris) == 0 || uris[0] != '[' {
		return f, nil
	}
	for raw := range wire.Elements(uris) {
		uri, ok := wire.Unquote(raw)
		if !ok || !offered(uri) || slices.Contains(f.URIs, uri) {
			continue
		}
		if err := Bound(len(f.URIs), uri); err != nil {
			return nil, err
		}
		f.URIs = append(f.URIs, uri)
	}
	return f, nil
}

// Lists reports whether the changes of a list are told.
func (f *Filter) Lists() bool { return f.Tools || f.Prompts || f.Resources }

// Empty reports whether nothing will ever be told.
func (f *Filter) Empty() bool { return !f.Lists() && len(f.URIs) == 0 }

// Acknowledge makes the first message of the stream: what we agreed to tell, of which tasks by the ids that the client gave.
func (f *Filter) Acknowledge(tasks []string) {
	raw := []byte(`{"jsonrpc":"2.0","method":"` + mcp.NoticeAcknowledged + `","params":{"notifications":{`)
	for _, wanted := range []struct {
		on   bool
		name string
	}{{f.Tools, "toolsListChanged"}, {f.Prompts, "promptsListChanged"}, {f.Resources, "resourcesListChanged"}} {
		if wanted.on {
			raw = append(wire.Separate(raw), `"`+wanted.name+`":true`...)
		}
	}
	for _, wanted := range []struct {
		names []string
		name  string
	}{{f.URIs, "resourceSubscriptions"}, {tasks, "taskIds"}} {
		if len(wanted.names) == 0 {
			continue
		}
		raw = append(wire.Separate(raw), `"`+wanted.name+`":[`...)
		for _, name := range wanted.names {
			raw = wire.AppendQuote(wire.Separate(raw), name)
		}
		raw = append(raw, ']')
	}
	f.Hello = Message(append(raw, "}}}"...))
}
