package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"time"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/config/confine"
	"github.com/sumun-mcp/sumun/internal/document"
)

// A Manifest is what the author of a plugin says of it: plugin.yaml in its directory, or NAME.plugin.yaml beside its file. The zero value
// holds where there is none.
type Manifest struct {
	// Command starts a plugin that is neither JavaScript, Python, Go nor WebAssembly: a name to be found in PATH, or a path in its directory.
	Command string `yaml:"command" form:"some"`
	// Args are the program's arguments. No shell sees them.
	Args []string `yaml:"args"`
	// Env is added to the little of the gateway's environment that a plugin inherits. ${VAR} stands for a variable of the gateway's.
	Env map[string]string `yaml:"env" secret:"all" key:"env"`
	// StartTimeout is how long it may take until it answers.
	StartTimeout time.Duration `yaml:"startTimeout" min:"1"`
	// WASM has Go code built for WASI, to run in the gateway's own process without a system around it.
	WASM bool `yaml:"wasm"`

	confine.Grant
}

// grammar is what the file holds beyond its struct.
var grammar = &document.Grammar{Forms: forms(), Secret: []string{"env"}}

func forms() map[string]document.Form {
	all := maps.Clone(confine.Forms)
	all["some"] = document.Form{Pattern: regexp.MustCompile(`\S`), Message: "is empty"}
	all["env"] = document.Form{Pattern: regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`), Message: "cannot be the name of an environment variable", Hint: "use letters, digits and _"}
	return all
}

// readManifest reads a manifest that faults call name; nil without an error if there is none.
func readManifest(path, name string) (*Manifest, error) {
	data, err := document.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // there need be none
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	m := &Manifest{}
	if err := grammar.Read(document.Source{Name: name, Env: config.LookupEnv}, data, m).Err(); err != nil {
		return nil, err
	}
	return m, nil
}
