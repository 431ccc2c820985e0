package approver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/approve"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/terminal"
)

// look is how often it is looked for calls that wait.
const look = 500 * time.Millisecond

// A watch shows calls as they come, and asks the person at the terminal about each.
type watch struct {
	*Desk

	// seen are the calls that wait and were shown, skipped those of them that the person does not want to be asked about again.
	seen, skipped map[string]bool
	// asked is the id of the call that the person is asked about, empty if there is none.
	asked string
}

// watch shows calls until the user interrupts it.
func (d *Desk) watch(ctx context.Context) error {
	w := &watch{Desk: d, seen: map[string]bool{}, skipped: map[string]bool{}}
	var typed <-chan string
	if d.Typing && !d.JSON {
		typed = lines(ctx, d.In)
	}
	d.Note("waiting for calls that wait; interrupt to end")
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		if err := w.look(ctx, typed != nil); ctx.Err() != nil {
			return nil // the user has ended it
		} else if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case said, ok := <-typed:
			if !ok {
				typed = nil
			} else if err := w.take(ctx, said); err != nil {
				return err
			}
		}
	}
}

// lines returns what a person types. Reading from a terminal cannot be interrupted: that goes on until the program ends.
func lines(ctx context.Context, in io.Reader) <-chan string {
	typed := make(chan string)
	go func() {
		defer close(typed)
		for s := bufio.NewScanner(in); s.Scan(); {
			select {
			case typed <- s.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	return typed
}

// look shows what has come, and asks about the next call.
func (w *watch) look(ctx context.Context, asks bool) error {
	result, err := w.ask(ctx, mcp.MethodApprovals, struct{}{})
	if err != nil {
		return err
	}
	waiting := map[string]bool{}
	next := ""
	for _, r := range terminal.Elements(result, "approvals") {
		id := terminal.Text(r, "id")
		waiting[id] = true
		if !w.seen[id] {
			if err := w.show(r); err != nil {
				return err
			}
		}
		if next == "" && !w.skipped[id] && terminal.Text(r, "by") != "host" {
			next = id
		}
	}
	w.seen = waiting
	if w.asked != "" && !waiting[w.asked] {
		w.Note("%s does not wait any more", w.asked)
		w.asked = ""
	}
	if asks && w.asked == "" && next != "" {
		w.asked = next
		fmt.Fprintf(w.People, "%s: [y] allow once, [h] for an hour, [a] always, [n] deny, [s] skip; a reason may follow: ", next)
	}
	return nil
}

func (w *watch) show(r []byte) error {
	if w.JSON {
		var one bytes.Buffer
		if err := json.Compact(&one, r); err != nil {
			return err
		}
		return w.WriteJSONLine(json.RawMessage(one.Bytes()))
	}
	_, err := io.WriteString(w.Data, describe(r, time.Now()))
	return err
}

// take does what a person has typed about the call that was asked about.
func (w *watch) take(ctx context.Context, said string) error {
	if w.asked == "" {
		return nil
	}
	word, reason, _ := strings.Cut(strings.TrimSpace(said), " ")
	v := approve.Verdict{ID: w.asked, Allow: new(true), Reason: strings.TrimSpace(reason)}
	w.asked = ""
	switch strings.ToLower(word) {
	case "y", "yes":
	case "h":
		v.For = "1h"
	case "a":
		v.Always = true
	case "n", "no":
		v.Allow = new(false)
	case "s":
		w.skipped[v.ID] = true
		return nil
	default:
		return nil // it is asked again
	}
	err := w.decide(ctx, v)
	if failed, ok := errors.AsType[*exit.Error](err); ok && failed.Code == exit.Failed {
		w.Note("%s", failed.Error()) // somebody was faster, say
		w.skipped[v.ID] = true
		return nil
	}
	return err
}
