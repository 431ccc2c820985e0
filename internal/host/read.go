package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/pelletier/go-toml/v2"
	"github.com/tailscale/hujson"
)

// A Server is one MCP server as a host's file has it. What the file takes from elsewhere (${VAR}, ${input:…}) stands in it as written.
type Server struct {
	Name     string
	Command  string
	Args     []string
	Env      map[string]string
	Dir      string
	URL      string
	Type     string
	Headers  map[string]string
	Disabled bool
}

// Read returns the servers that a file lists, in whichever of the hosts' shapes: JSON with or without comments, TOML or YAML, by the end of
// its name. A file without any has none; the error says where it cannot be read.
func Read(name string, data []byte) ([]Server, error) {
	var tree any
	var err error
	switch strings.ToLower(filepath.Ext(name)) {
	case ".toml":
		var table map[string]any
		err = toml.Unmarshal(data, &table)
		tree = table
	case ".yaml", ".yml":
		err = yaml.Unmarshal(data, &tree)
	default:
		var plain []byte
		if plain, err = hujson.Standardize([]byte(strings.TrimPrefix(string(data), byteOrderMark))); err == nil {
			err = json.Unmarshal(plain, &tree)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	root, ok := tree.(map[string]any)
	if !ok {
		return nil, errors.New("reading " + name + ": it is no object")
	}
	return lists(root), nil
}

// listed are the members under which hosts list servers.
var listed = []string{"mcpServers", "servers", "context_servers", "mcp_servers", "amp.mcpServers", "mcp", "extensions"}

// lists returns the servers of all lists in an object, and in what hosts keep for each project.
func lists(root map[string]any) []Server {
	var all []Server
	for _, member := range listed {
		switch list := root[member].(type) {
		case map[string]any:
			if inner, ok := list["servers"].(map[string]any); ok { // VS Code's settings
				list = inner
			}
			for _, name := range slices.Sorted(maps.Keys(list)) {
				if s, ok := entry(name, list[name]); ok {
					all = append(all, s)
				}
			}
		case []any:
			for _, one := range list {
				if s, ok := entry("", one); ok {
					all = append(all, s)
				}
			}
		}
	}
	if projects, ok := root["projects"].(map[string]any); ok { // Claude Code
		for _, path := range slices.Sorted(maps.Keys(projects)) {
			if project, ok := projects[path].(map[string]any); ok {
				all = append(all, lists(map[string]any{"mcpServers": project["mcpServers"]})...)
			}
		}
	}
	return all
}

// entry reads one server, whatever its host calls the parts.
func entry(name string, value any) (Server, bool) {
	of, ok := value.(map[string]any)
	if !ok {
		return Server{}, false
	}
	s := Server{
		Name: name, Args: texts(of["args"]), Dir: text(of, "cwd"), URL: text(of, "url", "serverUrl", "httpUrl", "uri"), Type: text(of, "type", "transport"),
		Env: pairs(of, "env", "envs", "environment"), Headers: pairs(of, "headers", "http_headers"),
	}
	if s.Name == "" {
		s.Name = text(of, "name")
	}
	switch command := of["command"].(type) {
	case string:
		s.Command = command
	case []any:
		if line := texts(command); len(line) > 0 {
			s.Command, s.Args = line[0], append(line[1:], s.Args...)
		}
	case map[string]any:
		s.Command, s.Args, s.Env = text(command, "path"), texts(command["args"]), pairs(command, "env")
	}
	if s.Command == "" {
		s.Command = text(of, "cmd")
	}
	disabled, _ := of["disabled"].(bool)
	enabled, says := of["enabled"].(bool)
	s.Disabled = disabled || says && !enabled
	return s, s.Command != "" || s.URL != ""
}

// text returns the first of the members that is a text.
func text(of map[string]any, members ...string) string {
	for _, m := range members {
		if s, ok := of[m].(string); ok && s != "" {
			return s
		}
	}
	return ""
}

// texts returns the texts of a list.
func texts(list any) []string {
	var all []string
	elements, _ := list.([]any)
	for _, e := range elements {
		switch e := e.(type) {
		case string:
			all = append(all, e)
		case nil, map[string]any, []any:
		default:
			all = append(all, fmt.Sprint(e))
		}
	}
	return all
}

// pairs returns the texts of the first member that is an object.
func pairs(of map[string]any, members ...string) map[string]string {
	for _, m := range members {
		object, ok := of[m].(map[string]any)
		if !ok {
			continue
		}
		all := map[string]string{}
		for name, value := range object {
			switch value.(type) {
			case nil, map[string]any, []any:
			default:
				all[name] = fmt.Sprint(value)
			}
		}
		return all
	}
	return nil
}
