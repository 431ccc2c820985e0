package exit_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/sumun-mcp/sumun/internal/document"
	"github.com/sumun-mcp/sumun/internal/exit"
)

func TestPrint(t *testing.T) {
	faults := document.Faults{{File: "mcp.yaml", Line: 3, Column: 1, Message: "unknown key"}}
	tests := []struct {
		name       string
		give       exit.Error
		text, line string
	}{
		{
			"a message",
			exit.Error{Code: exit.Denied, Msg: "no key", Hint: "show <one>", Target: "http://gate"},
			"sumun: no key\n  try: show <one>\n",
			`{"error":{"code":3,"message":"no key","hint":"show <one>","target":"http://gate"}}` + "\n",
		},
		{
			"a cause",
			exit.Error{Code: exit.Usage, Msg: "reading a.json", Err: fs.ErrNotExist},
			"sumun: reading a.json: file does not exist\n",
			`{"error":{"code":2,"message":"reading a.json: file does not exist","hint":"","target":""}}` + "\n",
		},
		{"only a cause", exit.Error{Err: fs.ErrNotExist}, "sumun: file does not exist\n", `{"error":{"code":0,"message":"file does not exist","hint":"","target":""}}` + "\n"},
		{"faults", exit.Error{Code: exit.Usage, Msg: "1 fault", Faults: faults}, "sumun: 1 fault\n" + faults.Error() + "\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var text, line strings.Builder
			tt.give.Print(&text)
			tt.give.PrintJSON(&line)
			if text.String() != tt.text {
				t.Errorf("for people:\n%s\nwant\n%s", &text, tt.text)
			}
			if tt.line != "" && line.String() != tt.line {
				t.Errorf("for programs:\n%s\nwant\n%s", &line, tt.line)
			}
		})
	}
}

func TestUnwrap(t *testing.T) {
	if err := (&exit.Error{Msg: "reading", Err: fs.ErrNotExist}); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause is not found")
	}
	err := &exit.Error{Faults: document.Faults{{Line: 3}}}
	if faults, ok := errors.AsType[document.Faults](err); !ok || len(faults) != 1 {
		t.Error("the faults are not found")
	}
}
