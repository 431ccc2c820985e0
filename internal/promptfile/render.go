package promptfile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/document"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/prompt"
)

// Bounds of one rendering, beside those of each of its templates.
const (
	maxOutput = 1 << 20 // bytes of all messages together
	maxTime   = 2 * time.Second
)

// get answers prompts/get.
func (p *Prompts) get(ctx context.Context, req *sdk.GetPromptRequest) (*sdk.GetPromptResult, error) {
	lib := p.current.Load()
	e := lib.prompts[req.Params.Name]
	if e == nil {
		return nil, invalid(fmt.Errorf("there is no prompt %q", req.Params.Name))
	}
	in, err := e.input(req.Params)
	if err != nil {
		return nil, invalid(err)
	}
	messages, err := lib.render(ctx, e, in.variables)
	if err != nil {
		return nil, err
	}
	out := &sdk.GetPromptResult{Description: e.file.head.Description, Messages: messages}
	if len(in.sampling) > 0 {
		out.Meta = sdk.Meta{mcp.MetaSampling: in.sampling}
	}
	return out, nil
}

// invalid makes an error one of the parameters.
func invalid(err error) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: err.Error()}
}

// An input is what a prompt is rendered with.
type input struct {
	variables map[string]any
	sampling  map[string]any
}

// input returns what the prompt is rendered with: of variables and of sampling
// parameters what is closest to the call wins.
func (e *entry) input(params *sdk.GetPromptParams) (input, error) {
	given, err := e.given(params)
	if err != nil {
		return input{}, err
	}
	around, err := object(params.Meta, mcp.MetaContext)
	if err != nil {
		return input{}, err
	}
	asked, err := object(params.Meta, mcp.MetaSampling)
	if err != nil {
		return input{}, err
	}
	in := input{variables: maps.Clone(e.defaults)}
	inherited, _ := around["variables"].(map[string]any)
	for name, value := range inherited {
		in.variables[name] = wholes(value)
	}
	maps.Copy(in.variables, given)
	if err := e.complete(in.variables); err != nil {
		return input{}, err
	}
	base, _ := around["sampling"].(map[string]any)
	in.sampling = e.sampling.over(base)
	maps.Copy(in.sampling, asked)
	in.variables[contextName] = surroundings(around, in.sampling)
	return in, nil
}

// given returns the variables of the call. They are among those that the prompt
// knows, and of the values that it allows.
func (e *entry) given(params *sdk.GetPromptParams) (map[string]any, error) {
	typed, err := object(params.Meta, mcp.MetaVariables)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	for name, value := range params.Arguments {
		out[name] = value
	}
	for name, value := range typed {
		text, isThere := params.Arguments[name]
		if _, isText := value.(string); !isText && isThere && json.Valid([]byte(text)) {
			out[name] = json.RawMessage(text) // which has all digits, and members in their order
		} else {
			out[name] = wholes(value)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(out)) {
		if err := e.accepts(name, out[name]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// accepts refuses a variable that the prompt does not know, and a value that it
// does not allow.
func (e *entry) accepts(name string, value any) error {
	if !e.known[name] {
		known := slices.Sorted(maps.Keys(e.known))
		hint := document.Suggest(name, known)
		switch {
		case name == contextName:
			hint = "context is what the gateway tells"
		case hint == "" && len(known) == 0:
			hint = "it takes none"
		case hint == "":
			hint = "it takes " + strings.Join(known, ", ")
		}
		return fmt.Errorf("unknown argument %q of the prompt %s: %s", name, e.file.head.Name, hint)
	}
	i := slices.IndexFunc(e.arguments, func(a argument) bool { return a.Name == name })
	if i < 0 {
		return nil
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("the argument %q is not JSON: %w", name, err)
	}
	if a := e.arguments[i]; !a.allows(raw) {
		return fmt.Errorf("the argument %q is not one of %s", name, strings.Join(a.Enum, ", "))
	}
	return nil
}

// complete wants all required arguments.
func (e *entry) complete(variables map[string]any) error {
	var missing []string
	for _, a := range e.arguments {
		if _, ok := variables[a.Name]; a.Required && !ok {
			missing = append(missing, a.Name)
		}
	}
	switch len(missing) {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("the argument %q is missing; give it", missing[0])
	}
	return fmt.Errorf("the arguments %s are missing; give them", strings.Join(missing, ", "))
}

// object returns the JSON object under a key of _meta, nil without one.
func object(meta sdk.Meta, key string) (map[string]any, error) {
	value, ok := meta[key]
	if !ok || value == nil {
		return nil, nil //nolint:nilnil // a nil map is an empty one
	}
	m, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("_meta[%q] is not an object", key)
	}
	return m, nil
}

// wholes returns JSON as the SDK has decoded it with whole numbers as integers:
// JSON knows one kind of number, templates show 1 and 1.0.
func wholes(value any) any {
	switch v := value.(type) {
	case float64:
		if v == math.Trunc(v) && math.Abs(v) <= 1<<53 {
			return int64(v)
		}
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = wholes(item)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, item := range v {
			out[name] = wholes(item)
		}
		return out
	}
	return value
}

// surroundings is the variable context: each member is there, so that a template
// can ask for what is in it.
func surroundings(around, sampling map[string]any) map[string]any {
	out := map[string]any{"rootId": "", "path": "", "memory": []any{}, "sampling": wholes(sampling)}
	for _, name := range []string{"rootId", "path", "memory"} {
		if value, ok := around[name]; ok && value != nil {
			out[name] = wholes(value)
		}
	}
	return out
}

// render returns the messages of a prompt; those that come out blank are left out.
func (lib *library) render(ctx context.Context, e *entry, variables map[string]any) ([]*sdk.PromptMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	messages, left := []*sdk.PromptMessage{}, maxOutput
	for _, m := range e.messages {
		text, err := m.text.Render(ctx, variables, prompt.Options{
			Include: lib.template,
			Limits:  prompt.Limits{Output: max(left, 1), Time: maxTime},
		})
		if err != nil {
			return nil, e.failed(err)
		}
		left -= len(text)
		if text = strings.Trim(text, "\n"); strings.TrimSpace(text) != "" {
			messages = append(messages, &sdk.PromptMessage{Role: sdk.Role(m.role), Content: &sdk.TextContent{Text: text}})
		}
	}
	return messages, nil
}

// failed tells the caller why rendering failed. Only what cannot be included is
// not the caller's to mend.
func (e *entry) failed(err error) error {
	code := int64(jsonrpc.CodeInvalidParams)
	if errors.Is(err, prompt.ErrNotFound) {
		code = jsonrpc.CodeInternalError
	}
	return &jsonrpc.Error{Code: code, Message: fmt.Sprintf("rendering the prompt %s: %v", e.file.head.Name, err)}
}
