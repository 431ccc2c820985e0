package report

import (
	"crypto/sha256"
	_ "embed" // the page and its style
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

	"github.com/sumun-mcp/sumun/trust"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

// writeHTML writes one page that needs nothing else: no script, no image, no font. Its policy lets the browser load nothing but its own
// style, by that style's hash.
func writeHTML(w io.Writer, r *Report) error {
	sum := sha256.Sum256([]byte(pageStyle))
	page, err := template.New("page").Funcs(template.FuncMap{
		"plain": plain, "state": func(f Finding) string { return state(&f) }, "counts": func(f Finding) bool { return f.Counts() }, "because": because, "count": func(found []Finding) string { return Count(found).String() },
		"severity": func(f Finding) trust.Severity { return min(f.Weight(), trust.Critical) },
	}).Parse(pageText)
	if err != nil {
		return fmt.Errorf("writing the report as HTML: %w", err)
	}
	return page.Execute(w, map[string]any{
		"Report": r, "All": r.Findings(),
		"Style":  template.CSS(pageStyle), //nolint:gosec // ours, and constant
		"Policy": "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'",
	})
}
