package terminal

import (
	"testing"
)

func TestArguments(t *testing.T) {
	const schema = `{"properties":{"n":{"type":"number"},"s":{"type":"string"},"either":{"type":["string","number"]},"list":{"type":["array","null"]},"any":{}}}`
	tests := []struct{ key, value, want string }{
		{"n", "3", `{"n":3}`},
		{"n", "three", `{"n":"three"}`},
		{"s", "3", `{"s":"3"}`},
		{"either", "3", `{"either":"3"}`},
		{"list", "[1]", `{"list":[1]}`},
		{"any", "3", `{"any":"3"}`},
		{"absent", "a\"b", `{"absent":"a\"b"}`},
	}
	for _, tt := range tests {
		got, err := Arguments([]byte(schema), map[string]string{tt.key: tt.value})
		if err != nil || string(got) != tt.want {
			t.Errorf("%s=%s is read as %s, %v, want %s", tt.key, tt.value, got, err, tt.want)
		}
	}
}

func TestHeaders(t *testing.T) {
	const schema = `{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}`
	if got := Headers([]byte(schema), []byte(`{"region":"eu"}`)).Get("Mcp-Param-Region"); got != "eu" {
		t.Errorf("the header is %q", got)
	}
	if got := Headers([]byte(`{}`), []byte(`{"region":"eu"}`)); got != nil {
		t.Errorf("headers without need: %v", got)
	}
}

func TestBlock(t *testing.T) {
	tests := []struct{ block, want string }{
		{`{"type":"text","text":"a\u001b[31mb\n"}`, "a[31mb\n"},
		{`{"type":"resource_link","uri":"file:///a"}`, "file:///a"},
		{`{"type":"resource","resource":{"text":" a\n"}}`, "a"},
		{`{"type":"image","mimeType":"image/png","data":"AAAA"}`, "[image image/png, 3 bytes]"},
	}
	for _, tt := range tests {
		if got := Block([]byte(tt.block)); got != tt.want {
			t.Errorf("%s is told as %q, want %q", tt.block, got, tt.want)
		}
	}
}

func TestContents(t *testing.T) {
	tests := []struct {
		contents, want string
		fails          bool
	}{
		{`{"text":"a\u001b\n"}`, "a\x1b\n", false},
		{`{"blob":"AAE="}`, "\x00\x01", false},
		{`{"blob":"?"}`, "", true},
	}
	for _, tt := range tests {
		got, err := Contents([]byte(tt.contents))
		if string(got) != tt.want || (err != nil) != tt.fails {
			t.Errorf("%s holds %q, %v, want %q", tt.contents, got, err, tt.want)
		}
	}
}

func TestElements(t *testing.T) {
	all := Elements([]byte(`{"a":[1,{"b":[]}],"c":3}`), "a")
	if got := string(AppendArray([]byte("x"), all)); got != `x[1,{"b":[]}]` {
		t.Errorf("elements are %s", got)
	}
	if got := Elements([]byte(`{"c":3}`), "c"); got != nil {
		t.Errorf("a number has elements: %s", got)
	}
}

func TestNearest(t *testing.T) {
	verbs := []string{"call", "client", "completion", "config", "connect", "version"}
	tests := []struct{ word, want string }{
		{"verion", "version"},
		{"Verson", "version"},
		{"conect", "connect"},
		{"comp", "completion"},
		{"cal", "call"},
		{"frobnicate", ""},
		{"x", ""},
		{"", ""},
	}
	for _, tt := range tests {
		if got := Nearest(tt.word, verbs); got != tt.want {
			t.Errorf("Nearest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}

// TestRun starts the program in this process, as main does.
