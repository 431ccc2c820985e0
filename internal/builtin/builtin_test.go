package builtin

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// eras are one revision of the legacy era and one of the modern.
var eras = []string{"2025-06-18", "2026-07-28"}

// eachEra runs a test once for each era, with a new server.
func eachEra(t *testing.T, test func(t *testing.T, session *mcp.ClientSession)) {
	t.Helper()
	for _, era := range eras {
		t.Run(era, func(t *testing.T) {
			test(t, connect(t, newBuiltin(t), era))
		})
	}
}

func newBuiltin(t *testing.T) *Builtin {
	t.Helper()
	b := New(Options{Version: "1.2.3", Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return b
}

func connect(t *testing.T, b *Builtin, era string) *mcp.ClientSession {
	t.Helper()
	near, far := mcp.NewInMemoryTransports()
	server, err := b.Server().Connect(t.Context(), far, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), near, &mcp.ClientSessionOptions{ProtocolVersion: era})
	if err != nil {
		t.Fatal(err)
	}
	if got := session.InitializeResult().ProtocolVersion; got != era {
		t.Fatalf("the revision is %s, want %s", got, era)
	}
	t.Cleanup(func() {
		session.Close()
		server.Wait()
	})
	return session
}

// call calls a tool with arguments in JSON and returns its text, structured
// answer and whether it is an error.
func call(t *testing.T, session *mcp.ClientSession, tool, arguments string) (text, structured string, isError bool) {
	t.Helper()
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: json.RawMessage(arguments)})
	if err != nil {
		t.Fatalf("%s %s: %v", tool, arguments, err)
	}
	if len(result.Content) != 1 {
		t.Fatalf("%s %s: %d content blocks, want 1", tool, arguments, len(result.Content))
	}
	block, ok := result.Content[0].(*mcp.TextContent)
	if !ok {
		t.Fatalf("%s %s: content is %T, want text", tool, arguments, result.Content[0])
	}
	if result.StructuredContent != nil {
		out, err := json.Marshal(result.StructuredContent)
		if err != nil {
			t.Fatal(err)
		}
		structured = string(out)
	}
	return block.Text, structured, result.IsError
}

func TestCalcEvaluate(t *testing.T) {
	tests := []struct {
		arguments, text, structured string
		isError                     bool
	}{
		{`{"expression":"2*(3+4)"}`, "14", `{"result":14}`, false},
		{`{"expression":"1/8"}`, "0.125", `{"result":0.125}`, false},
		{`{"expression":"1/0"}`, "column 2: division by zero; make sure that the divisor is not 0", "", true},
		{`{"expression":""}`, "column 1: the expression is empty; write for example 2*(3+4)", "", true},
		{`{}`, `the argument "expression" is missing; give it`, "", true},
		{`{"Expression":"1"}`, `unknown argument "Expression"; this tool takes expression`, "", true},
		{`{"expression":"1","x":2}`, `unknown argument "x"; this tool takes expression`, "", true},
		{`{"expression":null}`, `the argument "expression" is null; give a value or leave it out`, "", true},
	}
	eachEra(t, func(t *testing.T, session *mcp.ClientSession) {
		t.Helper()
		for _, tt := range tests {
			text, structured, isError := call(t, session, "calc.evaluate", tt.arguments)
			if text != tt.text || structured != tt.structured || isError != tt.isError {
				t.Errorf("%s: %q, %s, %v; want %q, %s, %v", tt.arguments, text, structured, isError, tt.text, tt.structured, tt.isError)
			}
		}
		if text, _, isError := call(t, session, "calc.evaluate", `{"expression":14}`); !isError || !strings.Contains(text, "wrong type") {
			t.Errorf("a number as expression: %q, %v", text, isError)
		}
	})
}

// TestCalcDigits reads the raw answer, because a client of the SDK rounds.
func TestCalcDigits(t *testing.T) {
	result, err := callCalc(t.Context(), &mcp.CallToolRequest{Params: &mcp.CallToolParamsRaw{
		Arguments: json.RawMessage(`{"expression":"2**64+1"}`),
	}})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"content":[{"type":"text","text":"18446744073709551617"}],"structuredContent":{"result":18446744073709551617}}`
	if string(raw) != want {
		t.Errorf("answer = %s\nwant     %s", raw, want)
	}
}

func TestOffer(t *testing.T) {
	eachEra(t, func(t *testing.T, session *mcp.ClientSession) {
		t.Helper()
		want := &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}}
		if diff := cmp.Diff(want, session.InitializeResult().Capabilities); diff != "" {
			t.Errorf("capabilities (-want +got):\n%s", diff)
		}
	})
}

func TestCloseTwice(t *testing.T) {
	b := New(Options{})
	for range 2 {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
}
