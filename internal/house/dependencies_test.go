package house

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// listed matches a module in the first column of a table in docs/dependencies.md.
var listed = regexp.MustCompile(`(?m)^\| ([^|]*\.[^|]*/[^|]*) \|`)

// TestDependencies wants a line in docs/dependencies.md for whatever a package imports from others.
func TestDependencies(t *testing.T) {
	root := os.DirFS("../..")
	text, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	for _, row := range listed.FindAllStringSubmatch(string(text), -1) {
		modules = append(modules, strings.Split(row[1], ", ")...)
	}
	if len(modules) == 0 {
		t.Fatal("docs/dependencies.md lists nothing")
	}
	for _, files := range packages(t, root) {
		for _, f := range files {
			for _, im := range f.tree.Imports {
				dep := strings.Trim(im.Path.Value, "\"`")
				if isForeign(dep) && !covers(modules, dep) {
					t.Errorf("%s: imports %s, which docs/dependencies.md does not list", f.name, dep)
				}
			}
		}
	}
}

// isForeign reports whether the package belongs neither to this module nor to the standard library.
func isForeign(pkg string) bool {
	first, _, _ := strings.Cut(pkg, "/")
	return strings.Contains(first, ".") && !strings.HasPrefix(pkg, module)
}

// covers reports whether one of the modules has the package.
func covers(modules []string, pkg string) bool {
	for _, m := range modules {
		if strings.HasPrefix(pkg+"/", m+"/") {
			return true
		}
	}
	return false
}
