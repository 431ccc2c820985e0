package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// peer is an MCP server on standard input and output, for scripts and kill tests. Its tools say what they do: echo,
// fail, slow (answers after 1.5 s) and forever. With a directory as its argument it notes there, in a file for each process,
// which calls have begun; with a second argument it also starts a child, and both ignore every hint to end.
func peer() {
	var notes *os.File
	if len(os.Args) > 1 {
		notes = note(os.Getpid())
	}
	stubborn := len(os.Args) > 2
	if stubborn {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
		child := exec.Command("sh", "-c", `trap "" TERM INT HUP; while :; do sleep 1; done`)
		if err := child.Start(); err == nil {
			note(child.Process.Pid)
		}
	}
	p := &peerServer{notes: notes}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var m peerMessage
		if json.Unmarshal(lines.Bytes(), &m) == nil && m.ID != nil {
			p.calls.Go(func() { p.serve(&m) })
		}
	}
	if stubborn {
		time.Sleep(time.Hour)
	}
}

// note makes the file of a process.
func note(pid int) *os.File {
	f, err := os.OpenFile(filepath.Join(os.Args[1], strconv.Itoa(pid)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return f
}

type peerMessage struct {
	ID     json.RawMessage
	Method string
	Params struct {
		Name, URI string
		Arguments json.RawMessage
	}
}

type peerServer struct {
	notes *os.File
	calls sync.WaitGroup
	mu    sync.Mutex
}

func (p *peerServer) serve(m *peerMessage) {
	switch m.Method {
	case "initialize":
		p.result(m, `{"protocolVersion":"2025-06-18","capabilities":{"tools":{},"resources":{},"prompts":{}},"serverInfo":{"name":"peer","version":"1"}}`)
	case "ping":
		p.result(m, `{}`)
	case "tools/list":
		p.result(m, `{"tools":[{"name":"echo","description":"Say it again.","inputSchema":{"type":"object","properties":{"n":{"type":"integer"},"t":{"type":"string"}}}},`+
			`{"name":"fail","inputSchema":{"type":"object"}},{"name":"slow","inputSchema":{"type":"object"}},{"name":"forever","inputSchema":{"type":"object"}}]}`)
	case "prompts/list":
		p.result(m, `{"prompts":[{"name":"greet","description":"Greet somebody.","arguments":[{"name":"who"}]}]}`)
	case "prompts/get":
		p.result(m, `{"messages":[{"role":"user","content":{"type":"text","text":"hello"}}]}`)
	case "resources/list":
		p.result(m, `{"resources":[{"uri":"test://one","name":"one","description":"The first."}]}`)
	case "resources/templates/list":
		p.result(m, `{"resourceTemplates":[]}`)
	case "resources/read":
		if m.Params.URI != "test://one" {
			p.say(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"error":{"code":-32002,"message":"Resource not found"}}`)
			return
		}
		p.result(m, `{"contents":[{"uri":"test://one","text":"the text\n"}]}`)
	case "tools/call":
		p.call(m)
	default:
		p.say(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"error":{"code":-32601,"message":"Method not found"}}`)
	}
}

func (p *peerServer) call(m *peerMessage) {
	if p.notes != nil {
		fmt.Fprintln(p.notes, m.Params.Name)
	}
	switch m.Params.Name {
	case "slow":
		time.Sleep(1500 * time.Millisecond)
	case "forever":
		time.Sleep(time.Hour)
	case "fail":
		p.result(m, `{"content":[{"type":"text","text":"it went wrong"}],"isError":true}`)
		return
	}
	text, _ := json.Marshal(m.Params.Name + " " + string(m.Params.Arguments))
	p.result(m, `{"content":[{"type":"text","text":`+string(text)+`}]}`)
}

func (p *peerServer) result(m *peerMessage, value string) {
	p.say(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":` + value + `}`)
}

func (p *peerServer) say(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Println(line)
}
