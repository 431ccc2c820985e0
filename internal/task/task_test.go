package task

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/session"
)

func newSealer(tb testing.TB) *session.Sealer {
	tb.Helper()
	s, err := session.NewSealer(session.NewKey())
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func TestSeal(t *testing.T) {
	s := newSealer(t)
	for _, want := range []Ref{
		{Server: "up", ID: "the-task", Tool: "up.job"},
		{Modern: true, Server: "up", ID: "\x00é\"", Tool: "", Session: "s"},
		{Server: "", ID: strings.Repeat("x", maxID), Tool: "t"},
	} {
		token := Seal(s, "me", want)
		if strings.Contains(token, want.ID) {
			t.Errorf("the token tells the id: %s", token)
		}
		if got, err := Open(s, "me", token); err != nil || got != want {
			t.Errorf("Open = %v, %v, want %v", got, err, want)
		}
		if _, err := Open(s, "you", token); !errors.Is(err, ErrForeign) {
			t.Errorf("somebody else's Open = %v", err)
		}
		if _, err := Open(newSealer(t), "me", token); !errors.Is(err, ErrForged) {
			t.Errorf("Open with another key = %v", err)
		}
	}
	for _, bad := range []string{
		"", "x", "sumun1.", s.Seal([]byte("short"), forTask), s.Seal(make([]byte, 100), []byte("session")),
		s.Seal(append(make([]byte, 17), 0xff, 0xff, 0xff), forTask),
	} {
		if _, err := Open(s, "me", bad); !errors.Is(err, ErrForged) {
			t.Errorf("Open(%q) = %v", bad, err)
		}
	}
}

func TestRename(t *testing.T) {
	names := func(id string) (string, bool) { return "T-" + id, id != "unknown" }
	tests := []struct {
		name, object, want string
		places             [][]string
		all                bool
	}{
		{"a task", `{ "x":1.10, "taskId" : "a" ,"status":"working"}`, `{ "x":1.10, "taskId" : "T-a" ,"status":"working"}`, [][]string{flat}, true},
		{"escaped", `{"task\u0049d":"\u0061"}`, `{"task\u0049d":"T-a"}`, [][]string{flat}, true},
		{
			"made", `{"task":{"taskId":"a"},"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"b"}}}`,
			`{"task":{"taskId":"T-a"},"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"T-b"}}}`,
			[][]string{related, created},
			true,
		},
		{"only where it is looked for", `{"result":{"taskId":"a"}}`, `{"result":{"taskId":"a"}}`, [][]string{flat, created, related}, true},
		{"not known", `{"taskId":"unknown"}`, `{"taskId":"unknown"}`, [][]string{flat}, false},
		{"not a string", `{"taskId":7}`, `{"taskId":7}`, [][]string{flat}, false},
		{"not an object", `[{"taskId":"a"}]`, `[{"taskId":"a"}]`, [][]string{flat}, true},
		{"nothing", ``, ``, [][]string{flat, created, related}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, all := rename([]byte(tt.object), names, tt.places...)
			if diff := cmp.Diff(tt.want, string(got)); diff != "" || all != tt.all {
				t.Errorf("all = %v, (-want +got):\n%s", all, diff)
			}
		})
	}
}

// FuzzRename renames ids there and back.
func FuzzRename(f *testing.F) {
	f.Add([]byte(`{"taskId":"a","task":{"taskId":"b"},"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"\u0063"}}}`))
	f.Add([]byte(`{"_meta":[],"task":null}`))
	f.Fuzz(func(t *testing.T, object []byte) {
		if !json.Valid(object) || scanner.Value(object) != nil {
			return
		}
		there, _ := rename(object, func(id string) (string, bool) { return "T" + id, true }, flat, created, related)
		if !json.Valid(there) {
			t.Fatalf("not JSON: %s", there)
		}
		back, _ := rename(there, func(id string) (string, bool) { return strings.TrimPrefix(id, "T"), true }, flat, created, related)
		var want, got any
		if json.Unmarshal(object, &want) != nil || json.Unmarshal(back, &got) != nil {
			return
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("there and back (-want +got):\n%s", diff)
		}
	})
}

func note(b *Book, owner, id string) string {
	return b.note(&entry{session: owner, caller: owner, ref: Ref{Server: "up", ID: id}}, func() string { return owner + " " + id })
}

func TestBook(t *testing.T) {
	var b Book
	if got, again := note(&b, "one", "a"), b.note(&entry{session: "one", ref: Ref{Server: "up", ID: "a"}}, func() string { return "another" }); got != again {
		t.Errorf("one task has two names: %s, %s", got, again)
	}
	note(&b, "two", "b")
	note(&b, "two", "c")
	if e := b.owner("up", "b"); e == nil || e.session != "two" {
		t.Errorf("owner = %v", e)
	}
	b.note(&entry{session: "three", ref: Ref{Server: "up", ID: "b", Session: "three"}}, func() string { return "t" }) // of a server of its own
	if e := b.owner("up", "b"); e == nil || e.session != "two" || b.taken("two", "up", "b") || !b.taken("one", "up", "b") {
		t.Errorf("owner beside a session of its own = %v", e)
	}
	b.Drop("three")
	note(&b, "one", "c")
	if e := b.owner("up", "c"); e == nil || e.session != "one" || b.entry("two", "up", "c") != nil {
		t.Errorf("owner of an id that was given again = %v", e)
	}
	if b.entry("two", "up", "a") != nil || b.entry("one", "down", "a") != nil || b.owner("down", "a") != nil {
		t.Error("a task is somebody else's too")
	}
	b.Drop("one")
	if e := b.owner("up", "b"); e == nil || e.session != "two" || b.Len() != 1 || b.Servers("one") != nil {
		t.Errorf("after one has ended: %v, %d tasks, servers %v", e, b.Len(), b.Servers("one"))
	}
	b.Drop("two")
	if len(b.sessions)+len(b.tasks)+b.Len() != 0 {
		t.Error("something is left")
	}
}

func TestBookIsBounded(t *testing.T) {
	var b Book
	for i := range maxPerSession + 10 {
		note(&b, "one", strconv.Itoa(i))
	}
	if b.Len() != maxPerSession || b.entry("one", "up", "9") != nil || b.entry("one", "up", "10") == nil {
		t.Errorf("%d tasks of one session", b.Len())
	}
	for i := range maxTasks {
		note(&b, "s"+strconv.Itoa(i), "x"+strconv.Itoa(i))
	}
	if b.Len() != maxTasks || b.Servers("one") != nil || len(b.tasks) != maxTasks || len(b.sessions) != maxTasks {
		t.Errorf("%d tasks in all, %d kinds, %d sessions", b.Len(), len(b.tasks), len(b.sessions))
	}
}

// TestBookManyAtOnce has everything happen at the same time, for the race detector.
func TestBookManyAtOnce(t *testing.T) {
	var b Book
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			session := strconv.Itoa(i)
			for j := range 500 {
				id := session + strconv.Itoa(j%7)
				b.owner("up", strconv.Itoa(j%7))
				if got, want := note(&b, session, id), session+" "+id; got != want {
					t.Errorf("%s, want %s", got, want)
				}
				b.owner("up", id)
				b.Servers(session)
				if j%50 == 0 {
					b.Drop(session)
				}
			}
			b.Drop(session)
		})
	}
	all.Wait()
	if b.Len() != 0 {
		t.Errorf("%d tasks are left", b.Len())
	}
}

func TestUnknownTellsNothing(t *testing.T) {
	long := strings.Repeat("é", 500)
	for _, id := range []string{"x", long} {
		forged, absent := Unknown(mcp.Forged, id), Unknown(mcp.NotFound, id)
		if forged.Message != absent.Message || forged.Code != absent.Code || len(forged.Data) != 0 || len(forged.Message) > 120 {
			t.Errorf("%v and %v", forged, absent)
		}
	}
	if !Declares([]byte(`{"extensions":{"io.modelcontextprotocol/tasks":{}}}`)) || Declares([]byte(`{"tasks":{}}`)) || Declares(nil) {
		t.Error("Declares takes one thing for the other")
	}
}
