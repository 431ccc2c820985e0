package files

import (
	"path"
	"slices"
	"strings"
)

const (
	plainText   = "text/plain"
	octetStream = "application/octet-stream"
)

// MIMEByExtension is the type that the name of a file promises, or empty. It is a table of our own: the one of package mime depends on
// the machine.
func MIMEByExtension(name string) string {
	extension := strings.ToLower(path.Ext(name))
	for _, row := range [...]struct {
		mimeType   string
		extensions []string
	}{
		{plainText, []string{".txt", ".log", ".ini", ".cfg", ".conf", ".env", ".diff", ".patch", ".rst", ".adoc"}},
		{"text/markdown", []string{".md", ".markdown"}},
		{"text/html", []string{".html", ".htm"}},
		{"text/css", []string{".css"}},
		{"text/csv", []string{".csv"}},
		{"text/tab-separated-values", []string{".tsv"}},
		{"application/xml", []string{".xml"}},
		{"application/json", []string{".json"}},
		{"application/x-ndjson", []string{".jsonl", ".ndjson"}},
		{"application/yaml", []string{".yaml", ".yml"}},
		{"application/toml", []string{".toml"}},
		{"text/javascript", []string{".js", ".mjs", ".cjs"}},
		{"text/x-typescript", []string{".ts", ".tsx", ".mts"}},
		{"text/x-go", []string{".go"}},
		{"text/x-python", []string{".py"}},
		{"text/x-rust", []string{".rs"}},
		{"text/x-java", []string{".java"}},
		{"text/x-c", []string{".c", ".h"}},
		{"text/x-c++", []string{".cc", ".cpp", ".cxx", ".hpp"}},
		{"text/x-shellscript", []string{".sh", ".bash"}},
		{"application/sql", []string{".sql"}},
		{"image/svg+xml", []string{".svg"}},
		{"image/png", []string{".png"}},
		{"image/jpeg", []string{".jpg", ".jpeg"}},
		{"image/gif", []string{".gif"}},
		{"image/webp", []string{".webp"}},
		{"application/pdf", []string{".pdf"}},
		{"application/zip", []string{".zip"}},
		{"application/gzip", []string{".gz"}},
		{"audio/mpeg", []string{".mp3"}},
		{"audio/wav", []string{".wav"}},
		{"video/mp4", []string{".mp4"}},
		{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", []string{".docx"}},
		{"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", []string{".xlsx"}},
		{"application/vnd.openxmlformats-officedocument.presentationml.presentation", []string{".pptx"}},
	} {
		if slices.Contains(row.extensions, extension) {
			return row.mimeType
		}
	}
	return ""
}

// MIMEOf is the type of a file that has been read: that of its extension
// unless the content is not the text that this promises.
func MIMEOf(name string, text bool) string {
	byName := MIMEByExtension(name)
	switch {
	case byName == "" && text:
		return plainText
	case byName == "" || !text && strings.HasPrefix(byName, "text/"):
		return octetStream
	}
	return byName
}
