package chaperon

import (
	"errors"
	"fmt"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/clientfile"
	"github.com/sumun-mcp/sumun/internal/document"
	"github.com/sumun-mcp/sumun/internal/exit"
)

// Env looks up a variable of the environment.
type Env = func(name string) (string, bool)

// Rule is what the client files say together that hold in a directory: the one that is named, or those of the project and of the user whose
// home directory is home. It is nil if there are none.
func Rule(named, dir, home string, env Env) (*clientfile.Rule, error) {
	if named != "" {
		return read(nil, []string{named}, env)
	}
	project, user, err := clientfile.Find(dir, home)
	if err != nil {
		return nil, &exit.Error{Code: exit.Usage, Err: err}
	}
	return read(project, user, env)
}

// Heed lets a gateway of its own take from the client files beside its mcp.yaml what concerns it: which servers there may be at all, and
// whether they are held to what they were. Who is asked before a call is the business of those who make it.
func Heed(cfg *config.Config, home string, env Env) error {
	project, _, err := clientfile.Find(cfg.Dir, home)
	if err != nil {
		return &exit.Error{Code: exit.Usage, Err: err}
	}
	rule, err := read(project, nil, env)
	if rule == nil || err != nil {
		return err
	}
	c := &Chaperon{Rule: rule, Note: func(format string, args ...any) {
		cfg.Warnings = append(cfg.Warnings, fmt.Sprintf(format, args...))
	}}
	c.Admit(cfg)
	c.Pin(cfg)
	return nil
}

// read reads client files.
func read(project, user []string, env Env) (*clientfile.Rule, error) {
	rule, err := clientfile.Load(project, user, env)
	if faults, ok := errors.AsType[document.Faults](err); ok {
		return nil, &exit.Error{Code: exit.Usage, Msg: "the client file has faults", Target: faults[0].File, Faults: faults, Hint: "docs/client-file.md says what may stand there"}
	}
	return rule, err
}
