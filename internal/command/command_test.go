//go:build unix

package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/document"
	"github.com/sumun-mcp/sumun/internal/sandbox"
)

// TestMain makes the test binary a Reap or a program when it is asked to.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || strings.HasPrefix(os.Args[1], "-test.") {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case "__reap":
		os.Exit(sandbox.Reap(os.Args[2:]))
	case "show": // tells its arguments
		_ = json.NewEncoder(os.Stdout).Encode(map[string]any{"args": os.Args[2:]})
	case "env":
		wd, _ := os.Getwd()
		fmt.Println(strings.Join(os.Environ(), "\n") + "\n" + wd)
	case "fail":
		fmt.Fprintln(os.Stderr, "it went\x1b[31m wrong")
		os.Exit(3)
	case "flood":
		for {
			fmt.Println(strings.Repeat("x", 1000))
		}
	case "hang": // and leaves a child behind that hangs too
		child := exec.Command(os.Args[0], "sleep", os.Args[2])
		_ = child.Start()
		sleep(os.Args[2])
	case "sleep":
		sleep(os.Args[2])
	}
}

// sleep notes its number in a directory and does not end.
func sleep(dir string) {
	_ = os.WriteFile(filepath.Join(dir, strconv.Itoa(os.Getpid())), nil, 0o600)
	select {}
}

// tool returns a tool that runs the test binary.
func tool(name, schema string, command ...string) offer.Tool {
	t := offer.Tool{
		Name: name, Command: append([]string{os.Args[0]}, command...), Env: map[string]string{"GORACE": "atexit_sleep_ms=0"},
		Timeout: 20 * time.Second, MaxBytes: document.Size(1 << 20), Output: "json", Cwd: ".",
	}
	if schema != "" {
		t.InputSchema = json.RawMessage(schema)
	}
	return t
}

func open(t *testing.T, tools ...offer.Tool) *mcp.ClientSession {
	t.Helper()
	c, err := New(Options{Tools: tools, Reaper: []string{os.Args[0], "__reap"}, Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	near, far := mcp.NewInMemoryTransports()
	server, err := c.Server().Connect(t.Context(), far, nil)
	if err != nil {
		t.Fatal(err)
	}
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), near, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		session.Close()
		server.Wait()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return session
}

func call(t *testing.T, s *mcp.ClientSession, name, arguments string) (text string, isError bool) {
	t.Helper()
	result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: name, Arguments: json.RawMessage(arguments)})
	if err != nil {
		t.Fatalf("%s %s: %v", name, arguments, err)
	}
	block, ok := result.Content[0].(*mcp.TextContent)
	if !ok {
		t.Fatalf("%s %s: %T", name, arguments, result.Content[0])
	}
	return block.Text, result.IsError
}

const showSchema = `{"type":"object","properties":{
	"count":{"type":"integer","minimum":0,"default":10},
	"since":{"type":"string","maxLength":20},
	"kind":{"enum":["a","-v"]},
	"word":{"type":"string","pattern":"^[a-z0-9]+$"},
	"words":{"type":"array","items":{"type":"string","pattern":"^[a-z]"}},
	"flag":{"type":"boolean"},
	"rest":{"type":["array","null"],"items":{"type":"string"}}}}`

func TestCall(t *testing.T) {
	s := open(t, tool("show", showSchema, "show", "{{fixed}}", "--max={count}", "--since={since}", "{kind}", "{word}", "{words}", "{flag}", "-n{count}x{word}", "--", "{rest}", "a{since}b"))
	tests := []struct {
		arguments string
		want      []string
	}{
		{`{}`, []string{"{fixed}", "--max=10", "--"}},
		{
			`{"count":0,"since":"--x y","kind":"-v","word":"a","words":["b","c -d"],"flag":true,"rest":["-x","$(id)","; rm -rf /"]}`,
			[]string{"{fixed}", "--max=0", "--since=--x y", "-v", "a", "b", "c -d", "true", "-n0xa", "--", "-x", "$(id)", "; rm -rf /", "a--x yb"},
		},
		{`{"words":[],"rest":null}`, []string{"{fixed}", "--max=10", "--"}},
		{`{"rest":["한글 😀","","a\tb"]}`, []string{"{fixed}", "--max=10", "--", "한글 😀", "", "a\tb"}},
	}
	for _, tt := range tests {
		text, isError := call(t, s, "show", tt.arguments)
		var got struct{ Args []string }
		if err := json.Unmarshal([]byte(text), &got); err != nil || isError {
			t.Errorf("%s: %s", tt.arguments, text)
		}
		if diff := cmp.Diff(tt.want, got.Args); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.arguments, diff)
		}
	}
}

// TestHostile gives commands what nobody should: nothing is run.
func TestHostile(t *testing.T) {
	dir := t.TempDir()
	inside, outside := filepath.Join(dir, "inside"), filepath.Join(dir, "outside")
	for _, d := range []string{inside, outside} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"link": outside, "up": "..", "dangling": "../nowhere", "absolute": "/etc/passwd"} {
		if err := os.Symlink(target, filepath.Join(inside, link)); err != nil {
			t.Fatal(err)
		}
	}
	show := tool("show", `{"type":"object","properties":{
		"count":{"type":"integer","minimum":0},
		"word":{"type":"string","pattern":"^[A-Za-z0-9.$(]"},
		"option":{"type":"string","maxLength":50},
		"path":{"type":"string","format":"path"},
		"any":{"type":["string","array"]}},"additionalProperties":false}`,
		"show", "{count}", "{word}", "--option={option}", "--", "{path}", "{any}")
	show.Cwd = inside
	s := open(t, show)
	refused := []string{
		`{"word":"--upload-pack=touch /tmp/x"}`, `{"word":"-c core.sshCommand=id"}`, `{"word":"-"}`, `{"word":"--"}`, `{"word":""}`,
		`{"word":"a\nb"}`, `{"word":"a\u0000b"}`, `{"word":"a\rb"}`, `{"word":"a\u001b[31m"}`, `{"word":"a\u0085b"}`, `{"word":["a"]}`, `{"word":{"a":1}}`, `{"word":1}`,
		`{"count":-1}`, `{"count":-0}`, `{"count":1.5}`, `{"count":"1; id"}`, `{"count":"--exec=id"}`, `{"count":[1]}`,
		`{"option":"a\nb"}`, `{"option":"x\u0000--exec=id"}`, `{"option":"` + strings.Repeat("x", 51) + `"}`,
		`{"path":"../outside/x"}`, `{"path":"/etc/passwd"}`, `{"path":"link/x"}`, `{"path":"link"}`, `{"path":"up/outside"}`, `{"path":"absolute"}`, `{"path":"dangling"}`,
		`{"path":"a/../../outside"}`, `{"path":""}`, `{"path":"..\\outside"}`, `{"path":"a\nb"}`, `{"path":"new/../../x"}`,
		`{"any":"a\nb"}`, `{"any":["a","b\u0000"]}`, `{"any":[["a"]]}`, `{"any":[null]}`, `{"any":"` + strings.Repeat("x", 40<<10) + `"}`,
		`{"any":[` + strings.Repeat(`"x",`, 2000) + `"x"]}`, `{"any":"\ud800"}`, `{"unknown":"x"}`, `{"word":"a","Word":"-x"}`, `[]`, `"x"`,
	}
	for _, arguments := range refused {
		result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "show", Arguments: json.RawMessage(arguments)})
		if err == nil && !result.IsError {
			t.Errorf("%.80s was run: %s", arguments, result.Content[0].(*mcp.TextContent).Text)
		}
	}
	taken := map[string][]string{ // what is only text stays text
		`{"word":"$(touch pwned)"}`:             {"$(touch pwned)", "--"},
		`{"word":"a; touch pwned"}`:             {"a; touch pwned", "--"},
		"{\"word\":\"a`touch pwned`|sh&&x>y\"}": {"a`touch pwned`|sh&&x>y", "--"},
		`{"option":"a --exec=touch\tpwned"}`:    {"--option=a --exec=touch\tpwned", "--"},
		`{"option":"${HOME} %PATH% ~ * ?"}`:     {"--option=${HOME} %PATH% ~ * ?", "--"},
		`{"any":"ext::sh -c touch% pwned"}`:     {"--", "ext::sh -c touch% pwned"},
		`{"any":"--upload-pack=touch pwned"}`:   {"--", "--upload-pack=touch pwned"},
		`{"any":["{word}","{{x}}"]}`:            {"--", "{word}", "{{x}}"},
		`{"path":"new/file"}`:                   {"--", "new/file"},
		`{"path":"-x"}`:                         {"--", "-x"},
	}
	for arguments, want := range taken {
		text, isError := call(t, s, "show", arguments)
		var got struct{ Args []string }
		if err := json.Unmarshal([]byte(text), &got); err != nil || isError || !slices.Equal(got.Args, want) {
			t.Errorf("%s: %q, %v; want %q", arguments, got.Args, text, want)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "*", "pwned*")); len(found) > 0 {
		t.Errorf("something was run: %q", found)
	}
}

// TestGit runs a real program that is known for its options.
func TestGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	dir := t.TempDir()
	log := offer.Tool{
		Name: "git.log", Command: []string{"git", "log", "--max-count={count}", "--format=%s", "--", "{path}"}, Cwd: dir,
		InputSchema: json.RawMessage(`{"type":"object","properties":{"count":{"type":"integer","minimum":1},"path":{"type":"string","format":"path"}},"required":["count"]}`),
		Env:         map[string]string{"GIT_CONFIG_NOSYSTEM": "1", "HOME": dir, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@a.example", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@a.example"},
		Timeout:     20 * time.Second, MaxBytes: document.Size(1 << 20),
	}
	for _, args := range [][]string{{"init", "-q"}, {"commit", "-q", "--allow-empty", "-m", "first"}, {"commit", "-q", "--allow-empty", "-m", "second"}} {
		cmd := exec.CommandContext(t.Context(), "git", args...)
		cmd.Dir = dir
		for name, value := range log.Env {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	s := open(t, log)
	if text, isError := call(t, s, "git.log", `{"count":1}`); text != "second" || isError {
		t.Errorf("%q, %v", text, isError)
	}
	for _, hostile := range []string{`{"count":1,"path":"--output=pwned"}`, `{"count":1,"path":"-pwned"}`, `{"count":1,"path":"$(touch pwned)"}`} {
		call(t, s, "git.log", hostile)
		if _, err := os.Stat(filepath.Join(dir, "pwned")); err == nil {
			t.Errorf("%s wrote a file", hostile)
		}
	}
	broken := log
	broken.Cwd = t.TempDir()
	if text, isError := call(t, open(t, broken), "git.log", `{"count":1}`); !isError || !strings.HasPrefix(text, "git failed: exit status 128; it said: fatal: not a git repository") {
		t.Errorf("%q, %v", text, isError)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("SECRET_KEY", "s3cret")
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	env := tool("env", "", "env")
	env.Output, env.Cwd, env.Env = "text", dir, map[string]string{"A": "b", "GORACE": "atexit_sleep_ms=0"}
	text, isError := call(t, open(t, env), "env", `{}`)
	if isError || strings.Contains(text, "s3cret") || !strings.Contains(text, "\nA=b\n") || !strings.HasSuffix(text, "\n"+dir) {
		t.Errorf("%s", text)
	}
}

func TestFailure(t *testing.T) {
	flood := tool("flood", "", "flood")
	flood.MaxBytes = 100_000
	absent := tool("absent", "", "x")
	absent.Command[0] = "no-such-program"
	words := tool("words", "", "env")
	s := open(t, tool("fail", "", "fail"), flood, absent, words)
	for name, want := range map[string]string{
		"fail":   filepath.Base(os.Args[0]) + " failed: exit status 3; it said: it went [31m wrong",
		"flood":  filepath.Base(os.Args[0]) + " writes more than 100000, and was ended; ask for less",
		"absent": `the command "no-such-program" was not found in PATH; install it, or configure its full path`,
	} {
		if text, isError := call(t, s, name, `{}`); text != want || !isError {
			t.Errorf("%s: %q, %v; want %q", name, text, isError, want)
		}
	}
	if text, isError := call(t, s, "words", `{}`); !isError || !strings.HasPrefix(text, "the answer is not JSON") {
		t.Errorf("%q, %v", text, isError)
	}
}

// TestTimeout ends a program with all that it has started, when its time is over and when nobody waits any more.
func TestTimeout(t *testing.T) {
	for _, cancelled := range []bool{false, true} {
		dir := t.TempDir()
		hang := tool("hang", "", "hang", dir)
		if !cancelled {
			hang.Timeout = time.Second
		}
		s := open(t, hang)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			result, err := s.CallTool(ctx, &mcp.CallToolParams{Name: "hang"})
			if cancelled != (err != nil) || err == nil && !strings.Contains(result.Content[0].(*mcp.TextContent).Text, "did not end within 1s") {
				t.Errorf("%v, %v", result, err)
			}
		}()
		pids := started(t, dir)
		if cancelled {
			cancel()
		}
		<-done
		cancel()
		for _, pid := range pids {
			wantGone(t, pid)
		}
	}
}

// TestClose ends what runs.
func TestClose(t *testing.T) {
	dir := t.TempDir()
	c, err := New(Options{Tools: []offer.Tool{tool("hang", "", "hang", dir)}, Reaper: []string{os.Args[0], "__reap"}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := parse(&offer.Tool{Name: "hang", Command: []string{os.Args[0], "hang", dir}, Cwd: ".", Timeout: time.Minute, MaxBytes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	p.running, p.reaper = c.running, []string{os.Args[0], "__reap"}
	done := make(chan error, 1)
	go func() {
		_, err := p.call(t.Context(), nil)
		done <- err
	}()
	pids := started(t, dir)
	for range 2 {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-done; !errors.Is(err, errClosing) {
		t.Errorf("the call ends with %v", err)
	}
	for _, pid := range pids {
		wantGone(t, pid)
	}
	if _, err := p.call(t.Context(), nil); !errors.Is(err, errClosing) {
		t.Errorf("a call after Close: %v", err)
	}
}

// started waits for the two processes of hang and returns their numbers.
func started(t *testing.T, dir string) []int {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) == 2 || len(entries) == 1 && runtime.GOOS != "linux" {
			var pids []int
			for _, e := range entries {
				pid, _ := strconv.Atoi(e.Name())
				pids = append(pids, pid)
			}
			return pids
		}
	}
	t.Fatal("the program did not start")
	return nil
}

func wantGone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if syscall.Kill(pid, 0) != nil {
			return
		}
	}
	t.Errorf("the process %d is left", pid)
	_ = syscall.Kill(pid, syscall.SIGKILL)
}

// TestRefuses has declarations that cannot be safe, and says what to write instead.
func TestRefuses(t *testing.T) {
	const object = `{"type":"object","properties":{"x":%s}}`
	tests := []struct {
		x       string // schema of x; empty for none
		command []string
		want    string // of the error; empty when it is fine
	}{
		{"", []string{"ls", "{x}"}, "can be any text"},
		{"", []string{"ls", "--", "{x}"}, ""},
		{"", []string{"ls", "--color={x}"}, "can be any text"},
		{`{}`, []string{"ls", "--color={x}"}, "can be any text"},
		{`{"type":"string"}`, []string{"ls", "--color={x}"}, "can be any text"},
		{`{"type":["string","integer"],"maxLength":3}`, []string{"ls", "--color={x}"}, "can be any text"},
		{`{"type":"string","maxLength":9}`, []string{"ls", "--color={x}"}, ""},
		{`{"type":"string","maxLength":9}`, []string{"ls", "{x}"}, "could begin with a dash"},
		{`{"type":"string","maxLength":9}`, []string{"ls", "{x}.txt"}, "could begin with a dash"},
		{`{"type":"string","maxLength":9}`, []string{"ls", "a{x}"}, ""},
		{`{"type":"string","maxLength":9}`, []string{"ls", "-{x}"}, "the caller would choose the option"},
		{`{"type":"string","maxLength":9}`, []string{"ls", "--{x}"}, "the caller would choose the option"},
		{`{"type":"string","maxLength":9}`, []string{"ls", "{x}", "--"}, "could begin with a dash"},
		{`{"type":"string","pattern":"[a-z]+"}`, []string{"ls", "{x}"}, "could begin with a dash"},
		{`{"type":"string","pattern":"^[a-z-]+$"}`, []string{"ls", "{x}"}, "could begin with a dash"},
		{`{"type":"string","pattern":"^a*"}`, []string{"ls", "{x}"}, "could begin with a dash"},
		{`{"type":"string","pattern":"^(a|-b)"}`, []string{"ls", "{x}"}, "could begin with a dash"},
		{`{"type":"string","pattern":"^a|b"}`, []string{"ls", "{x}"}, "could begin with a dash"},
		{`{"type":"string","pattern":"(?m)^a"}`, []string{"ls", "{x}"}, "could begin with a dash"},
		{`{"type":"string","pattern":"^[^a]"}`, []string{"ls", "{x}"}, "could begin with a dash"},
		{`{"type":"string","pattern":"^."}`, []string{"ls", "{x}"}, "could begin with a dash"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"ls", "{x}"}, ""},
		{`{"type":"string","pattern":"^(ab|c)?[0-9]"}`, []string{"ls", "{x}"}, ""},
		{`{"type":"string","pattern":"^(?:refs/)+x"}`, []string{"ls", "{x}"}, ""},
		{`{"type":"string","enum":["a","-v"]}`, []string{"ls", "{x}"}, ""},
		{`{"const":"-v"}`, []string{"ls", "{x}"}, ""},
		{`{"type":"integer"}`, []string{"ls", "{x}"}, "minimum"},
		{`{"type":"integer","minimum":-1}`, []string{"ls", "{x}"}, "minimum"},
		{`{"type":"number","exclusiveMinimum":0}`, []string{"ls", "{x}"}, ""},
		{`{"type":"integer"}`, []string{"ls", "-n{x}"}, ""},
		{`{"type":"boolean"}`, []string{"ls", "{x}"}, ""},
		{`{"type":"object"}`, []string{"ls", "--", "{x}"}, "an object cannot"},
		{`{"type":"array"}`, []string{"ls", "{x}"}, "can be any text"},
		{`{"type":"array","items":{"type":"string","maxLength":3}}`, []string{"ls", "{x}"}, "could begin with a dash"},
		{`{"type":"array","items":{"type":"string","maxLength":3}}`, []string{"ls", "--a={x}"}, "is a list"},
		{`{"type":"array","items":{"type":"array"}}`, []string{"ls", "--", "{x}"}, "elements of a list"},
		{`{"type":"array","items":{"type":"string","pattern":"^[a-z]"}}`, []string{"ls", "{x}"}, ""},
		{`true`, []string{"ls", "{x}"}, "says nothing"},
		{`{"type":"string"}`, []string{"ls", "{y}"}, "is not a property"},
		{`{"type":"string"}`, []string{"{x}"}, "chosen by a placeholder"},
		{`{"type":"string"}`, []string{"ls", "{x"}, "brace"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"sh", "-c", "ls {x}"}, "would run what the caller gives"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"/bin/bash", "{x}"}, "would run what the caller gives"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"bash", "-euc", "{x}"}, "would run what the caller gives"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"python3.14", "-c", "print('{x}')"}, "would run what the caller gives"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"node", "--eval={x}"}, "would run what the caller gives"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"env", "A={x}", "ls"}, "would run what the caller gives"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"awk", "--", "{x}"}, "would run what the caller gives"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"env", "A=1", "{x}"}, "would run what the caller gives"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"env", "-u", "HOME", "{x}"}, "would run what the caller gives"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"sudo", "-u", "bob", "{x}"}, "would run what the caller gives"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"python3", "-W", "ignore", "-c", "{x}"}, "would run what the caller gives"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"awk", "-F", ":", "{x}"}, "would run what the caller gives"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"timeout", "-k", "5", "10s", "{x}"}, "would run what the caller gives"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"nice", "-n", "5", "{x}"}, "would run what the caller gives"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"env", "A=1", "ls", "{x}"}, ""},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"sudo", "-u", "bob", "--", "ls", "{x}"}, ""},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"awk", "-F", ":", "{{print}}", "{x}"}, ""},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"python3", "-u", "report.py", "{x}"}, ""},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"perl", "-I", "lib", "-e", "print", "{x}"}, ""},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"timeout", "10", "ls", "{x}"}, ""},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"ssh", "host", "ls", "{x}"}, "reads its arguments as commands"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"cmd.exe", "/c", "dir", "{x}"}, "reads its arguments as commands"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{`C:\x\y.BAT`, "--", "{x}"}, "reads its arguments as commands"},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"sh", "-c", `ls "$1"`, "sh", "{x}"}, ""},
		{`{"type":"string","pattern":"^[a-z]+$"}`, []string{"python3", "report.py", "{x}"}, ""},
	}
	for _, tt := range tests {
		tool := offer.Tool{Name: "t", Command: tt.command, Cwd: t.TempDir(), Timeout: time.Second}
		if tt.x != "" {
			tool.InputSchema = json.RawMessage(fmt.Sprintf(object, tt.x))
		}
		c, err := New(Options{Tools: []offer.Tool{tool}})
		if err == nil {
			c.Close()
		}
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "tools.t")) {
			t.Errorf("%q with %s: %v; want %q", tt.command, tt.x, err, tt.want)
		}
	}
}

// FuzzMayBeginWith holds that what a pattern cannot begin with does not match it.
func FuzzMayBeginWith(f *testing.F) {
	f.Add("^[a-z]+$", "-x")
	f.Add("^(a|b)?c", "-")
	f.Fuzz(func(t *testing.T, pattern, rest string) {
		if mayBeginWith(pattern, '-') {
			return
		}
		re, err := regexp.Compile(pattern)
		if err == nil && re.MatchString("-"+rest) {
			t.Errorf("%q matches %q", pattern, "-"+rest)
		}
	})
}
