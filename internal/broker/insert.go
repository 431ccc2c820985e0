package broker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exchange"
)

// The line under which servers stand, with nothing, or an empty mapping, behind it.
var under = regexp.MustCompile(`(?m)^(servers|mcpServers):[ \t]*(\{[ \t]*\})?[ \t]*(#.*)?\r?$`)

// any is such a line in whatever form.
var anyServers = regexp.MustCompile(`(?m)^["']?(servers|mcpServers)["']?[ \t]*:`)

// insert returns the text of an mcp.yaml with one more server, everything else as it was. The result has been read.
func insert(name, dir string, text []byte, e *exchange.Entry) ([]byte, error) {
	before, _ := config.Parse(name, dir, text)
	for _, s := range before.Servers {
		if s.Name == e.Name {
			return nil, fmt.Errorf("%s has a server %s already; choose another name with --as", name, e.Name)
		}
	}
	next, err := placed(string(text), e)
	if err != nil {
		return nil, err
	}
	after, err := config.Parse(name, dir, []byte(next))
	if err != nil {
		return nil, fmt.Errorf("%s would not hold any more: %w", name, err)
	}
	if len(after.Servers) != len(before.Servers)+1 {
		return nil, errors.New("the server cannot be added without changing others")
	}
	return []byte(next), nil
}

// placed puts an entry first below servers.
func placed(text string, e *exchange.Entry) (string, error) {
	at := under.FindStringSubmatchIndex(text)
	if at == nil {
		if anyServers.MatchString(text) {
			return "", errors.New("its servers are written on one line")
		}
		entry, err := e.YAML(2)
		if text != "" && !strings.HasSuffix(text, "\n") {
			text += "\n"
		}
		return text + "servers:\n" + entry, err
	}
	line, rest := text[at[2]:at[3]]+":", strings.TrimPrefix(text[at[1]:], "\n")
	if at[6] >= 0 {
		line += " " + text[at[6]:at[7]]
	}
	entry, err := e.YAML(indentOf(rest))
	return text[:at[0]] + strings.TrimRight(line, "\r") + "\n" + entry + rest, err
}

// indentOf is how far the first of the lines that says something is indented, 2 where it is not.
func indentOf(text string) int {
	for line := range strings.Lines(text) {
		trimmed := strings.TrimLeft(line, " ")
		if strings.TrimSpace(trimmed) == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		if n := len(line) - len(trimmed); n > 0 {
			return n
		}
		break
	}
	return 2
}

// replace writes a file at once, with the rights that it had.
func replace(name string, text []byte) error {
	mode := os.FileMode(0o600)
	if info, err := os.Stat(name); err == nil {
		mode = info.Mode().Perm()
		if target, err := filepath.EvalSymlinks(name); err == nil {
			name = target
		}
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".sumun-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // it is gone where all went well
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return os.Rename(f.Name(), name)
}
