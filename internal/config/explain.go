package config

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/sumun-mcp/sumun/internal/document"
)

// An Explanation is the configuration in force, with the origin of each value. Secrets, and what was expanded in commands and URLs,
// are masked.
type Explanation struct {
	// File is the configuration file; empty for the built-in defaults.
	File string `json:"file"`
	// Values are all values, in the order of the YAML form.
	Values []document.Value `json:"values"`
	// Warnings are those of the Config.
	Warnings []string `json:"warnings,omitempty"`

	yaml string
}

// YAML returns the explanation as a file that Load accepts, with a comment behind each value that tells where it comes from.
func (e *Explanation) YAML() string { return e.yaml }

// Explain explains the configuration that Load makes of path and env. The seed's port and host are told as listen.
func Explain(path string, env func(string) (string, bool)) (*Explanation, error) {
	l, err := load(path, env)
	if err != nil {
		return nil, err
	}
	c := l.config
	yaml, values := l.Explain(c, document.Telling{
		Without: []string{"port", "host"},
		From:    map[string]string{"listen": cmp.Or(l.Origin("port"), l.Origin("host"), l.listenFrom)},
	})
	var out strings.Builder
	if c.Path == "" {
		fmt.Fprintf(&out, "# no file: the defaults, with paths relative to %s\n", c.Dir)
	} else {
		fmt.Fprintf(&out, "# %s\n", c.Path)
	}
	out.WriteString(yaml)
	for _, warning := range c.Warnings {
		fmt.Fprintf(&out, "# warning: %s\n", warning)
	}
	return &Explanation{File: c.Path, Values: values, Warnings: c.Warnings, yaml: out.String()}, nil
}
