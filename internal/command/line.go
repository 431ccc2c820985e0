package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/sumun-mcp/sumun/internal/declared"
)

// The bounds of a command line, in bytes and arguments. Systems have their own, which are told less clearly.
const (
	longestArgument = 32 << 10
	longestLine     = 128 << 10
	mostArguments   = 1000
)

// line returns the arguments of the program for a call.
func (p *program) line(args declared.Arguments) ([]string, error) {
	var line []string
	length := 0
	for i := range p.arguments {
		texts, err := p.arguments[i].texts(args, p.root)
		if err != nil {
			return nil, err
		}
		for _, text := range texts {
			length += len(text)
			line = append(line, text)
		}
	}
	if length > longestLine || len(line) > mostArguments {
		return nil, fmt.Errorf("the command line is too long; give at most %d arguments of %d KiB together", mostArguments, longestLine>>10)
	}
	return line, nil
}

// texts returns what the argument becomes: nothing where an argument of the call was not given, and several with a list.
func (a *argument) texts(args declared.Arguments, root *os.Root) ([]string, error) {
	if name, whole := a.template.Whole(); whole {
		texts, _, err := args.Texts(name)
		for _, text := range texts {
			if err := a.fits(name, text, true, root); err != nil {
				return nil, err
			}
		}
		return texts, err
	}
	atBeginning := a.template.Beginning() == ""
	text, ok, err := a.template.Fill(func(place declared.Placeholder) (string, bool, error) {
		text, ok, err := args.Text(place.Name)
		if err == nil && ok {
			err = a.fits(place.Name, text, atBeginning, root)
			atBeginning = atBeginning && text == ""
		}
		return text, ok, err
	})
	if err != nil || !ok {
		return nil, err
	}
	return []string{text}, nil
}

// fits refuses what must not stand in an argument, whatever the schema says.
func (a *argument) fits(name, text string, atBeginning bool, root *os.Root) error {
	switch {
	case strings.ContainsFunc(text, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }):
		return fmt.Errorf("the argument %q has a line break or another control character", name)
	case strings.ContainsRune(text, unicode.ReplacementChar):
		return fmt.Errorf("the argument %q is not text", name)
	case len(text) > longestArgument:
		return fmt.Errorf("the argument %q is longer than %d KiB", name, longestArgument>>10)
	case atBeginning && !a.behind && !a.enum[name] && strings.HasPrefix(text, "-"):
		return fmt.Errorf("the argument %q begins with a dash, and would be taken for an option", name)
	case a.path[name]:
		return below(root, name, text)
	}
	return nil
}

// below wants a path that leads to something in the working directory, or to a place in it where nothing is.
func below(root *os.Root, name, path string) error {
	outside := fmt.Errorf("the argument %q does not lead to a place below the working directory", name)
	if !filepath.IsLocal(path) || strings.Contains(path, `\`) {
		return outside
	}
	for at := filepath.Clean(path); ; at = filepath.Dir(at) {
		_, err := root.Stat(at)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, fs.ErrNotExist) || at == ".":
			return outside
		}
		if _, err := root.Lstat(at); err == nil {
			return outside // a link that leads nowhere yet
		}
	}
}
