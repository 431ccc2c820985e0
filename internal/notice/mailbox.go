package notice

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Bounds of what waits in one mailbox.
const (
	maxLetters = 128
	maxBytes   = 256 << 10
)

// A letter is a message that waits. It is shared by mailboxes and never changed.
type letter struct {
	uri     string // of the resource that was updated; empty for what cannot be merged
	message wire.Message
}

// newLetter copies m, which is valid only for the moment.
func newLetter(uri string, m *wire.Message) *letter {
	l := &letter{uri: uri, message: *m}
	l.message.Raw = slices.Clone(m.Raw)
	return l
}

// A list is one of those whose changes are announced.
type list uint8

const (
	tools list = iota
	prompts
	resources
	lists
)

func listOf(kind mcp.Kind) (list, bool) {
	switch kind {
	case mcp.Tool:
		return tools, true
	case mcp.Prompt:
		return prompts, true
	case mcp.Resource, mcp.Template:
		return resources, true
	default:
		return lists, false
	}
}

func (l list) method() string {
	return [lists]string{mcp.NoticeTools, mcp.NoticePrompts, mcp.NoticeResources}[l]
}

func (f *Filter) wants(l list) bool { return [lists]bool{f.Tools, f.Prompts, f.Resources}[l] }

// A mailbox keeps what a listener has not been told yet, within bounds.
type mailbox struct {
	filter Filter
	uris   map[string]bool // that a session is subscribed to; guarded by the Hub's lock

	// mu guards what follows.
	mu      sync.Mutex
	letters []*letter
	size    int              // bytes of all letters
	due     [lists]time.Time // when the change of a list is announced; zero if there is none
	missed  map[string]bool  // resources of which updates found no room: each is told of once more, without what its server said
	lost    int              // other letters that found no room since the last delivery
	turn    *turn            // who listens, if anyone
	turns   int              // how many have asked to listen: the newest wins
	closed  bool
	// wake is closed, and replaced, when something of the above has changed and somebody waits for it.
	wake chan struct{}
}

func newMailbox(f Filter) *mailbox { return &mailbox{filter: f} }

// waiting returns a channel that is closed at the next change. The lock is held.
func (b *mailbox) waiting() <-chan struct{} {
	if b.wake == nil {
		b.wake = make(chan struct{})
	}
	return b.wake
}

// stir wakes who waits for a change. The lock is held.
func (b *mailbox) stir() {
	if b.wake != nil {
		close(b.wake)
		b.wake = nil
	}
}

// changed notes that a list has changed. A list that changes again while it waits is announced once.
func (b *mailbox) changed(l list) {
	if !b.filter.wants(l) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.due[l].IsZero() {
		b.due[l] = time.Now().Add(settle)
		b.stir()
	}
}

// put adds a letter. The newest update of a resource takes the place of the one
// before; where there is no room, updates give way first, which are told later,
// then what is oldest, which is lost.
func (b *mailbox) put(l *letter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.stir()
	if l.uri != "" {
		if i := slices.IndexFunc(b.letters, func(other *letter) bool { return other.uri == l.uri }); i >= 0 {
			b.remove(i)
		}
		delete(b.missed, l.uri)
	}
	b.letters = append(b.letters, l)
	b.size += len(l.message.Raw)
	for len(b.letters) > maxLetters || b.size > maxBytes {
		b.giveWay()
	}
}

// giveWay makes room for one more letter. The lock is held.
func (b *mailbox) giveWay() {
	i := slices.IndexFunc(b.letters, func(other *letter) bool { return other.uri != "" })
	if i < 0 {
		b.lost++
		b.remove(0)
		return
	}
	if b.missed == nil {
		b.missed = map[string]bool{}
	}
	b.missed[b.letters[i].uri] = true // no more of them than subscriptions
	b.remove(i)
}

func (b *mailbox) remove(i int) {
	b.size -= len(b.letters[i].message.Raw)
	b.letters = slices.Delete(b.letters, i, i+1)
}

// close ends whoever listens, and waits for nothing.
func (b *mailbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.turn != nil {
		b.turn.end()
	}
	b.stir()
}

// A turn is one Listen, from when it has the mailbox to itself until it leaves.
type turn struct {
	box   *mailbox
	ctx   context.Context
	end   context.CancelFunc
	reply mcp.Reply
	// asking counts the questions that are under way through reply.
	asking sync.WaitGroup
	left   chan struct{}
}

// take ends the turn that is on and begins the next. It reports false if ctx
// ends, the mailbox is closed or a newer one comes before that.
func (b *mailbox) take(ctx context.Context, end context.CancelFunc, reply mcp.Reply) (*turn, bool) {
	next := &turn{box: b, ctx: ctx, end: end, reply: reply, left: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turns++
	mine := b.turns
	for b.turn != nil {
		old := b.turn
		old.end()
		b.mu.Unlock()
		select {
		case <-old.left:
		case <-ctx.Done():
		}
		b.mu.Lock()
		if b.turns != mine || ctx.Err() != nil {
			return nil, false
		}
	}
	if b.closed {
		return nil, false
	}
	b.turn = next
	b.lost = 0 // nobody has listened
	b.stir()
	return next, true
}

// onEnd has f called when the turn ends, unless it is taken back before.
func (t *turn) onEnd(f func()) (takeBack func() bool) { return context.AfterFunc(t.ctx, f) }

// leave ends the turn once its last question is over.
func (t *turn) leave() {
	t.end()
	t.box.mu.Lock()
	t.box.turn = nil
	t.box.mu.Unlock()
	t.asking.Wait()
	close(t.left)
}

// updateOf says of a resource that it has changed, and nothing else.
func updateOf(uri string) *wire.Message {
	raw := wire.AppendQuote([]byte(`{"jsonrpc":"2.0","method":"`+mcp.NoticeUpdated+`","params":{"uri":`), uri)
	return Message(append(raw, "}}"...))
}

// A delivery is what was taken out of a mailbox to be sent.
type delivery struct {
	letter *letter // nil if it is the announcement of a list
	list   list    // that has changed
	lost   int     // letters that were lost before it
}

// A pause says how long there is nothing to send.
type pause struct {
	wake <-chan struct{}
	due  time.Time // when there will be something; zero if that is not known
}

// wait waits for the end of the pause. It returns the context's error if that ends first.
func (p pause) wait(ctx context.Context) error {
	var timer <-chan time.Time
	if !p.due.IsZero() {
		timer = time.After(time.Until(p.due))
	}
	select {
	case <-p.wake:
	case <-timer:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// next takes out what is to be sent now, or says how long to wait.
func (b *mailbox) next() (*delivery, pause) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, soonest := time.Now(), time.Time{}
	for l, due := range b.due {
		switch {
		case due.IsZero():
		case !due.After(now):
			b.due[l] = time.Time{}
			return &delivery{list: list(l)}, pause{}
		case soonest.IsZero() || due.Before(soonest):
			soonest = due
		}
	}
	for uri := range b.missed {
		if len(b.letters) > 0 {
			break
		}
		delete(b.missed, uri)
		return &delivery{letter: newLetter(uri, updateOf(uri))}, pause{}
	}
	if len(b.letters) == 0 {
		return nil, pause{wake: b.waiting(), due: soonest}
	}
	d := &delivery{letter: b.letters[0], lost: b.lost}
	b.remove(0)
	b.lost = 0
	return d, pause{}
}

// putBack keeps what could not be sent for the next turn.
func (b *mailbox) putBack(d *delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if d.letter == nil {
		b.due[d.list] = time.Now()
		return
	}
	b.letters = slices.Insert(b.letters, 0, d.letter)
	b.size += len(d.letter.message.Raw)
}

// heard reports whether somebody listens.
func (b *mailbox) heard() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.closed && b.turn != nil && b.turn.ctx.Err() == nil
}

// await returns the turn that is on, with one more question under way, or waits a
// little for one. The caller must say when the question is over.
func (b *mailbox) await(ctx context.Context) (*turn, error) {
	expired := time.NewTimer(patience)
	defer expired.Stop()
	for {
		b.mu.Lock()
		if b.closed {
			b.mu.Unlock()
			return nil, mcp.ErrUnsupported
		}
		if t := b.turn; t != nil && t.ctx.Err() == nil {
			t.asking.Add(1)
			b.mu.Unlock()
			return t, nil
		}
		wake := b.waiting()
		b.mu.Unlock()
		select {
		case <-wake:
		case <-expired.C:
			return nil, mcp.ErrUnsupported
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
