package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/declared"
)

// An argument is one element of a tool's command, behind the program.
type argument struct {
	template declared.Template
	behind   bool            // after "--": the program takes it for no option
	enum     map[string]bool // placeholders whose values the operator has listed
	path     map[string]bool // placeholders that are paths below the working directory
}

// parse reads a tool's command, and refuses placeholders that could become something else than what they stand for.
func parse(t *offer.Tool) (*program, error) {
	p := &program{name: t.Command[0], env: t.Env, dir: t.Cwd, tool: t}
	if strings.ContainsAny(p.name, "{}") {
		return nil, errors.New("the program is chosen by a placeholder; write a tool for each program")
	}
	var names []string
	behind := false
	for _, text := range t.Command[1:] {
		template, err := declared.Parse(text)
		if err != nil {
			return nil, err
		}
		p.arguments = append(p.arguments, argument{template: template, behind: behind, enum: map[string]bool{}, path: map[string]bool{}})
		names = append(names, template.Names()...)
		behind = behind || text == "--"
	}
	schema := t.InputSchema
	if len(schema) == 0 {
		slices.Sort(names)
		schema = declared.Infer(slices.Compact(names))
	}
	var err error
	if p.schema, err = declared.Compile(schema); err != nil {
		return nil, fmt.Errorf("inputSchema: %w", err)
	}
	if err := fixed(p.name, t.Command[1:], p.arguments); err != nil {
		return nil, err
	}
	for i := range p.arguments {
		if err := p.arguments[i].check(p.schema, len(t.InputSchema) > 0); err != nil {
			return nil, fmt.Errorf("command[%d]: %w", i+1, err)
		}
	}
	return p, nil
}

// check refuses an argument whose placeholders can become what they must not.
func (a *argument) check(schema *declared.Schema, written bool) error {
	beginning := a.template.Beginning()
	if len(a.template.Names()) > 0 && !a.behind && beginning != "" && strings.Trim(beginning, "-") == "" {
		return errors.New("the caller would choose the option; write it out, as in --name={value}")
	}
	for i, name := range a.template.Names() {
		raw, ok := schema.Property(name)
		if !ok {
			return fmt.Errorf("the placeholder {%s} is not a property of inputSchema; add it there", name)
		}
		p, err := readProperty(raw)
		if err != nil {
			return fmt.Errorf("{%s}: %w", name, err)
		}
		if p.list {
			if _, whole := a.template.Whole(); !whole {
				return fmt.Errorf("{%s} is a list, which becomes several arguments; let it stand alone in one", name)
			}
		}
		a.enum[name], a.path[name] = len(p.enum) > 0, p.Format == "path"
		if a.behind {
			continue
		}
		if !written || p.loose() {
			return fmt.Errorf(`{%s} can be any text; give it a pattern, an enum or a maxLength in inputSchema, or put it after "--"`, name)
		}
		if i == 0 && beginning == "" && p.mayBeOption() {
			return fmt.Errorf(`{%s} could begin with a dash and be taken for an option; put it after "--", write --name={%s}, or give it %s`, name, name, p.remedy())
		}
	}
	return nil
}

// A property is what the schema says of one argument, as far as it decides what text that becomes.
type property struct {
	Type             any               `json:"type"`
	Enum             []json.RawMessage `json:"enum"`
	Const            json.RawMessage   `json:"const"`
	Pattern          *string           `json:"pattern"`
	MaxLength        *json.Number      `json:"maxLength"`
	Minimum          *json.Number      `json:"minimum"`
	ExclusiveMinimum *json.Number      `json:"exclusiveMinimum"`
	Format           string            `json:"format"`
	Items            json.RawMessage   `json:"items"`

	kind string // its one type, or nothing
	list bool
	enum []json.RawMessage
}

// readProperty reads a property's schema; of a list that of its elements.
func readProperty(raw json.RawMessage) (*property, error) {
	var p property
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, errors.New("its schema says nothing of it; write {type: string, …}")
	}
	switch kinds := p.Type.(type) {
	case string:
		p.kind = kinds
	case []any:
		if i := slices.Index(kinds, any("null")); i >= 0 {
			kinds = slices.Delete(slices.Clone(kinds), i, i+1)
		}
		if len(kinds) == 1 {
			p.kind, _ = kinds[0].(string)
		}
	}
	if p.kind == "array" {
		if len(p.Items) == 0 {
			p.Items = json.RawMessage(`{}`)
		}
		items, err := readProperty(p.Items)
		if err != nil || items.list {
			return nil, errors.New("the elements of a list are texts, numbers or booleans; write items: {type: string, …}")
		}
		items.list = true
		return items, nil
	}
	if p.kind == "object" {
		return nil, errors.New("an object cannot be an argument of a program")
	}
	if p.enum = p.Enum; len(p.Const) > 0 {
		p.enum = []json.RawMessage{p.Const}
	}
	return &p, nil
}

// loose reports whether the property can be any text.
func (p *property) loose() bool {
	switch {
	case len(p.enum) > 0, p.kind == "integer", p.kind == "number", p.kind == "boolean":
		return false
	}
	return p.kind != "string" || p.Pattern == nil && p.MaxLength == nil
}

// mayBeOption reports whether the property can be a text that begins with a dash and that nobody has listed.
func (p *property) mayBeOption() bool {
	switch {
	case len(p.enum) > 0, p.kind == "boolean":
		return false
	case p.kind == "integer" || p.kind == "number":
		return !atLeastZero(p.Minimum) && !atLeastZero(p.ExclusiveMinimum)
	case p.Pattern != nil:
		return mayBeginWith(*p.Pattern, '-')
	}
	return true
}

func atLeastZero(n *json.Number) bool {
	if n == nil {
		return false
	}
	f, err := n.Float64()
	return err == nil && f >= 0
}

// remedy says what a schema that does not allow a dash has.
func (p *property) remedy() string {
	if p.kind == "integer" || p.kind == "number" {
		return "a minimum of 0 or more"
	}
	return "an enum, or a pattern that does not allow it, such as ^[A-Za-z0-9]"
}

// interpreters run what they are given: the first argument that is no option, or an option itself, is code.
var interpreters = []string{
	"sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "csh", "tcsh", "fish", "busybox", "env", "xargs", "python", "pypy",
	"node", "nodejs", "deno", "bun", "ruby", "perl", "php", "lua", "awk", "gawk", "mawk", "nawk", "sed", "eval", "exec", "sudo", "doas", "tclsh", "osascript",
	"timeout", "nice", "ionice", "nohup", "stdbuf", "setsid", "chroot", "unshare", "time",
}

// rereaders take their arguments apart again, or have a shell do it, also a far one.
var rereaders = []string{"cmd", "powershell", "pwsh", "ssh", "rsh", "su", "watch", "script"}

// fixed wants what is code to stand in the configuration.
func fixed(name string, texts []string, arguments []argument) error {
	base := strings.ToLower(filepath.Base(strings.ReplaceAll(name, `\`, "/")))
	plain := strings.TrimSuffix(base, ".exe")
	language := strings.TrimRight(plain, "0123456789.") // python3.14
	used := func(a argument) bool { return len(a.template.Names()) > 0 }
	switch {
	case slices.Contains(rereaders, plain), strings.HasSuffix(base, ".bat"), strings.HasSuffix(base, ".cmd"):
		if slices.ContainsFunc(arguments, used) {
			return fmt.Errorf("%s reads its arguments as commands, whatever is done to them; name the program itself", plain)
		}
	case slices.Contains(interpreters, plain), slices.Contains(interpreters, language):
		for i, text := range texts {
			if used(arguments[i]) {
				return fmt.Errorf(`command[%d]: %s would run what the caller gives; what it runs must be written out (behind options that take a value, with "--" before it), and placeholders stand behind that`, i+1, plain)
			}
			if i == 0 && isRun("", text) || i > 0 && isRun(texts[i-1], text) {
				break
			}
		}
	}
	return nil
}

// isRun reports whether an argument of an interpreter is what it runs: no option, no variable (A=1), no number (of seconds), and nothing
// that may be the value of the option before it, unless that takes code or the argument looks like the name of a file.
func isRun(before, text string) bool {
	switch {
	case strings.HasPrefix(text, "-"), numberOrVariable.MatchString(text):
		return false
	case !strings.HasPrefix(before, "-"), before == "--", takesCode.MatchString(before):
		return true
	}
	return strings.Contains(strings.TrimLeft(filepath.Base(text), "."), ".")
}

var (
	numberOrVariable = regexp.MustCompile(`^([0-9.]+[smhd]?|[A-Za-z_][A-Za-z0-9_]*=.*)$`)
	takesCode        = regexp.MustCompile(`^(-[a-zA-Z]*[cemErf]|--(eval|execute|command|file|expression|print))$`)
)
