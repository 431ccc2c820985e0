package outline

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// A Language is what is known of one: how its files are called, and how what they define is found. It is not changed.
type Language struct {
	// Name is the language's own, as people write it; empty where a file's is not known.
	Name string
	// MIME is the media type of its files.
	MIME string

	extensions []string
	defines    []definition // none: it has no outline, or (Go) one of its own
	indented   bool         // what belongs to a definition is indented, not in braces
	strings    string       // what begins and ends texts that may hold braces
}

// A definition is a pattern of a line that defines a name: its first group that took part.
type definition struct {
	kind string
	re   *regexp.Regexp
}

func defines(kind, pattern string) definition { return definition{kind, regexp.MustCompile(pattern)} }

// plain is the media type of languages without one.
const plain = "text/plain"

// Parts of patterns.
const (
	name       = `([\pL_][\pL\pN_]*)`
	jsName     = `([\pL_$][\pL\pN_$]*)`
	jsExport   = `^\s*(?:export\s+)?(?:default\s+)?(?:declare\s+)?`
	rustPublic = `^\s*(?:pub(?:\([^)]*\))?\s+)?`
)

// script are the definitions of JavaScript and TypeScript.
func script() []definition {
	return []definition{
		defines("function", jsExport+`(?:async\s+)?function\s*\*?\s*`+jsName),
		defines("class", jsExport+`(?:abstract\s+)?class\s+`+jsName),
		defines("interface", jsExport+`interface\s+`+jsName),
		defines("enum", jsExport+`(?:const\s+)?enum\s+`+jsName),
		defines("type", jsExport+`type\s+`+jsName+`\s*[<=]`),
		defines("namespace", jsExport+`(?:namespace|module)\s+`+jsName),
		defines("function", jsExport+`(?:const|let|var)\s+`+jsName+`\s*(?::[^=]+)?=\s*(?:async\s*)?(?:function\b|\([^)]*\)\s*(?::[^=]+)?=>|[\w$]+\s*=>)`),
		defines("constant", `^(?:export\s+)?const\s+`+jsName+`\s*[:=]`),
		defines("method", `^\s+(?:(?:public|private|protected|static|async|override|readonly|get|set)\s+)*\*?\s*`+jsName+`\s*(?:<[^>]*>)?\([^;]*\)\s*(?::\s*[^{;]+)?\{\s*$`),
	}
}

// Languages returns those that have a name here. Compiling their patterns takes a moment: keep them.
func Languages() []Language {
	return []Language{
		{Name: "Go", MIME: "text/x-go", extensions: []string{".go"}, strings: "\"`"},
		{Name: "Python", MIME: "text/x-python", extensions: []string{".py", ".pyi"}, indented: true, defines: []definition{
			defines("class", `^\s*class\s+`+name),
			defines("function", `^\s*(?:async\s+)?def\s+`+name),
			defines("constant", `^([A-Z_][A-Z0-9_]*)\s*(?::[^=]+)?=[^=]`),
		}},
		{Name: "TypeScript", MIME: "text/x-typescript", extensions: []string{".ts", ".tsx", ".mts", ".cts"}, strings: "\"'`", defines: script()},
		{Name: "JavaScript", MIME: "text/javascript", extensions: []string{".js", ".jsx", ".mjs", ".cjs"}, strings: "\"'`", defines: script()},
		{Name: "Java", MIME: "text/x-java", extensions: []string{".java"}, strings: `"`, defines: []definition{
			defines("type", `^\s*(?:(?:public|private|protected|static|final|abstract|sealed|non-sealed|strictfp)\s+)*(?:class|interface|enum|record|@interface)\s+`+name),
			defines("method", `^\s+(?:@\w+\s+)*(?:(?:public|private|protected|static|final|abstract|synchronized|default|native)\s+)*(?:<[^>]+>\s+)?(?:[\w.]+(?:<[^()]*>)?(?:\[\])*\s+)?`+name+`\s*\([^;]*\)?\s*(?:throws\s+[\w.,\s]+)?\{?\s*$`),
		}},
		{Name: "Rust", MIME: "text/x-rust", extensions: []string{".rs"}, strings: `"`, defines: []definition{
			defines("function", rustPublic+`(?:(?:const|async|unsafe|extern(?:\s+"[^"]*")?)\s+)*fn\s+`+name),
			defines("type", rustPublic+`(?:struct|enum|union|trait|type)\s+`+name),
			defines("module", rustPublic+`mod\s+`+name),
			defines("impl", `^\s*(?:unsafe\s+)?impl(?:<[^{]*?>)?\s+(?:[^{]*?\sfor\s+)?`+name),
			defines("macro", `^\s*macro_rules!\s*`+name),
			defines("constant", rustPublic+`(?:const|static(?:\s+mut)?)\s+`+name+`\s*:`),
		}},
		{Name: "C", MIME: "text/x-c", extensions: []string{".c", ".h"}, strings: `"`, defines: c()},
		{Name: "C++", MIME: "text/x-c++", extensions: []string{".cc", ".cpp", ".cxx", ".hpp", ".hh"}, strings: `"`, defines: append(c(),
			defines("class", `^\s*(?:template\s*<[^>]*>\s*)?class\s+`+name+`[^;]*$`),
			defines("namespace", `^\s*namespace\s+([A-Za-z_][\w:]*)`),
		)},
		{Name: "Markdown", MIME: "text/markdown", extensions: []string{".md"}},
		{Name: "JSON", MIME: "application/json", extensions: []string{".json"}},
		{Name: "YAML", MIME: "application/yaml", extensions: []string{".yaml", ".yml"}},
		{Name: "TOML", MIME: "application/toml", extensions: []string{".toml"}},
		{Name: "HTML", MIME: "text/html", extensions: []string{".html", ".htm"}},
		{Name: "CSS", MIME: "text/css", extensions: []string{".css"}},
		{Name: "SQL", MIME: "application/sql", extensions: []string{".sql"}},
		{Name: "Shell", MIME: "text/x-shellscript", extensions: []string{".sh", ".bash"}},
		{Name: "C#", MIME: plain, extensions: []string{".cs"}},
		{Name: "Kotlin", MIME: plain, extensions: []string{".kt", ".kts"}},
		{Name: "PHP", MIME: plain, extensions: []string{".php"}},
		{Name: "Ruby", MIME: plain, extensions: []string{".rb"}},
		{Name: "Scala", MIME: plain, extensions: []string{".scala"}},
		{Name: "Swift", MIME: plain, extensions: []string{".swift"}},
	}
}

// c are the definitions of C.
func c() []definition {
	return []definition{
		defines("macro", `^\s*#\s*define\s+`+name),
		defines("type", `^\s*(?:typedef\s+)?(?:struct|union|enum)\s+`+name+`\s*\{?\s*$`),
		defines("function", `^[A-Za-z_][\w\s*&:<>,]*?[\s*&]([A-Za-z_~][\w:~]*)\s*\([^;{]*\)?\s*(?:const\s*)?\{?[^;]*$`),
	}
}

// Of returns the language of a file, among all that there are.
func Of(all []Language, file string) *Language {
	extension := strings.ToLower(path.Ext(file))
	i := slices.IndexFunc(all, func(l Language) bool { return slices.Contains(l.extensions, extension) })
	if i < 0 || extension == "" {
		return &Language{MIME: plain}
	}
	return &all[i]
}
