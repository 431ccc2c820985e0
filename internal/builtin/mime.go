package builtin

import (
	"path"
	"strings"
)

const (
	plainText   = "text/plain"
	octetStream = "application/octet-stream"
)

// mimeByExtension is a table of our own: the one of package mime depends on
// the machine.
func mimeByExtension(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".txt", ".log", ".ini", ".cfg", ".conf", ".env", ".diff", ".patch", ".rst", ".adoc":
		return plainText
	case ".md", ".markdown":
		return "text/markdown"
	case ".html", ".htm":
		return "text/html"
	case ".css":
		return "text/css"
	case ".csv":
		return "text/csv"
	case ".tsv":
		return "text/tab-separated-values"
	case ".xml":
		return "application/xml"
	case ".json":
		return "application/json"
	case ".jsonl", ".ndjson":
		return "application/x-ndjson"
	case ".yaml", ".yml":
		return "application/yaml"
	case ".toml":
		return "application/toml"
	case ".js", ".mjs", ".cjs":
		return "text/javascript"
	case ".ts", ".tsx", ".mts":
		return "text/x-typescript"
	case ".go":
		return "text/x-go"
	case ".py":
		return "text/x-python"
	case ".rs":
		return "text/x-rust"
	case ".java":
		return "text/x-java"
	case ".c", ".h":
		return "text/x-c"
	case ".cc", ".cpp", ".cxx", ".hpp":
		return "text/x-c++"
	case ".sh", ".bash":
		return "text/x-shellscript"
	case ".sql":
		return "application/sql"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".gif":
		return "image/gif"
	case ".webp":
		return "image/webp"
	case ".pdf":
		return "application/pdf"
	case ".zip":
		return "application/zip"
	case ".gz":
		return "application/gzip"
	case ".mp3":
		return "audio/mpeg"
	case ".wav":
		return "audio/wav"
	case ".mp4":
		return "video/mp4"
	case ".docx":
		return "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	case ".xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case ".pptx":
		return "application/vnd.openxmlformats-officedocument.presentationml.presentation"
	}
	return ""
}

// mimeOf is the type of a file that has been read: that of its extension
// unless the content is not the text that this promises.
func mimeOf(name string, text bool) string {
	byName := mimeByExtension(name)
	switch {
	case byName == "" && text:
		return plainText
	case byName == "" || !text && strings.HasPrefix(byName, "text/"):
		return octetStream
	}
	return byName
}
