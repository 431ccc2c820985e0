package house

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestPlan looks for each package in DESIGN.md, on the floor that it stands on, and there for none that is not built.
func TestPlan(t *testing.T) {
	text, err := os.ReadFile("../../DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	_, plan, _ := strings.Cut(string(text), "\n## Floors\n")
	plan, _, _ = strings.Cut(plan, "\n## ")
	_, beside, _ := strings.Cut(plan, "\nbeside: ")
	planned, floor := map[string]int{}, 0
	for _, m := range regexp.MustCompile(`(?m)(?:^(\d| ) {2}|[^ ] · )([a-z][a-z0-9/]*)(?:  |: )`).FindAllStringSubmatch(plan, -1) {
		if n, err := strconv.Atoi(m[1]); err == nil {
			floor = n
		}
		planned[m[2]] = floor
	}
	built := packages(t, os.DirFS("../.."))
	for pkg := range built {
		mentioned := regexp.MustCompile(`(^|[ ,])` + regexp.QuoteMeta(pkg) + `([ ,]|$)`).MatchString(beside)
		if at, ok := planned[pkg]; !mentioned && (!ok || at != floorOf(pkg)+1) {
			t.Errorf("DESIGN.md has %s on floor %d (0: nowhere); it stands on %d", pkg, at, floorOf(pkg)+1)
		}
	}
	for pkg := range planned {
		if built[pkg] == nil {
			t.Errorf("DESIGN.md has %s, which is not there", pkg)
		}
	}
}
