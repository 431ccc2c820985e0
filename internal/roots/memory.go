package roots

import (
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// Bounds of what a memory keeps of one call, and of what it hands on.
const (
	// outputBytes is how much of a call's output is offered to later calls, and argumentBytes of its arguments.
	outputBytes, argumentBytes = 8 << 10, 4 << 10
	// resultBytes is how large a result may be that answers identical calls.
	resultBytes = 64 << 10
	// offeredBytes is how much of the memory one call is handed.
	offeredBytes = 32 << 10
)

// A memory keeps the results of earlier calls in a root. Its methods may be called concurrently.
type memory struct {
	entries, bytes int // the most that it keeps

	mu sync.Mutex
	// kept are the entries, the oldest in front; size is what they take.
	kept []*remembered
	size int
	// answers are those that answer identical calls, by key.
	answers map[string]*remembered
	// last is the number of the newest entry, cleared of the last that answers nothing any more.
	last, cleared int64
	// age counts writes that have begun; writing is how many go on. What was read before or during one is no answer.
	age     uint64
	writing int
}

// A remembered is one call that a memory keeps. It is never changed.
type remembered struct {
	Tool string          `json:"tool"`
	Args json.RawMessage `json:"args,omitempty"`
	// Output is what the dialect calls so: structured content, else a single text, else the content.
	Output json.RawMessage `json:"output"`
	At     time.Time       `json:"at"`
	// Cut says that Args or Output are not whole.
	Cut bool `json:"cut,omitempty"`
	// Key is what identical calls have in common; Result, in words of Revision, answers them. They are empty where the
	// call answers no other.
	Key      string          `json:"key,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Revision string          `json:"revision,omitempty"`

	seq int64
}

// An offer is what later calls see of one that is remembered.
type offer struct {
	Tool   string          `json:"tool"`
	Args   json.RawMessage `json:"args,omitempty"`
	Output json.RawMessage `json:"output"`
	At     time.Time       `json:"at"`
	Cut    bool            `json:"cut,omitempty"`
}

func (m *remembered) size() int {
	return nodeBytes + len(m.Tool) + len(m.Args) + len(m.Output) + len(m.Key) + len(m.Result)
}

// watermark is the number up to which nothing is an answer.
func (m *memory) watermark() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cleared
}

// begin notes that a call begins which may change something. It reports whether answers were dropped by that.
func (m *memory) begin() (dropped bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.age++
	m.writing++
	dropped = len(m.answers) > 0
	m.answers = nil
	m.cleared = m.last
	return dropped
}

// end notes that such a call has ended.
func (m *memory) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.age++
	m.writing--
}

// answer returns the call that answers identical ones, and the age of the memory, under which the result of a call
// that is made instead can be added.
func (m *memory) answer(key string) (*remembered, uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.answers[key], m.age
}

// add keeps a call. What it has been answered is an answer only if nothing was changed since age. Added is told what is
// to be stored while nobody else adds, so that the store hears of entries in their order: the entry, and the number up
// to which others went for it.
func (m *memory) add(e *remembered, age uint64, added func(e *remembered, gone int64)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.Key != "" && (m.age != age || m.writing > 0) {
		e.Key, e.Result, e.Revision = "", nil, ""
	}
	if e.size() > m.bytes {
		return
	}
	m.last++
	e.seq = m.last
	added(e, m.put(e))
}

// put keeps an entry and lets the oldest go for it; it returns the number of the last that went, or 0.
func (m *memory) put(e *remembered) (gone int64) {
	m.kept = append(m.kept, e)
	m.size += e.size()
	if e.Key != "" {
		if m.answers == nil {
			m.answers = map[string]*remembered{}
		}
		m.answers[e.Key] = e
	}
	n := 0
	for ; len(m.kept)-n > m.entries || m.size > m.bytes; n++ {
		old := m.kept[n]
		m.size -= old.size()
		gone = old.seq
		if m.answers[old.Key] == old {
			delete(m.answers, old.Key)
		}
	}
	m.kept = slices.Delete(m.kept, 0, n)
	return gone
}

// load puts an entry in that was stored.
func (m *memory) load(s *Entry) error {
	e := &remembered{seq: s.Seq}
	if err := json.Unmarshal(s.Data, e); err != nil {
		return err
	}
	if e.seq <= m.cleared || mcp.ParseRevision(e.Revision) == nil {
		e.Key, e.Result, e.Revision = "", nil, ""
	}
	m.last = max(m.last, e.seq, m.cleared)
	m.put(e)
	return nil
}

// offers returns the newest entries, in their order, that fit into what a call is handed.
func (m *memory) offers() []offer {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	from, size := len(m.kept), 0
	for from > 0 {
		e := m.kept[from-1]
		if size += len(e.Tool) + len(e.Args) + len(e.Output) + nodeBytes; size > offeredBytes {
			break
		}
		from--
	}
	var all []offer
	for _, e := range m.kept[from:] {
		all = append(all, offer{e.Tool, e.Args, e.Output, e.At, e.Cut})
	}
	return all
}

// fill is how full a memory is.
func (m *memory) fill() (entries, bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.kept), m.size
}

// remember returns the entry of a call that went well; nil for a result that is not kept: of a tool that failed, a
// question, a task.
func remember(tool string, arguments, result []byte, at time.Time) *remembered {
	content := wire.Get(result, "content")
	kind := wire.Get(result, "resultType")
	if len(content) == 0 || content[0] != '[' || string(wire.Get(result, "isError")) == "true" || kind != nil && !wire.IsString(kind, "complete") {
		return nil
	}
	e := &remembered{Tool: tool, At: at.UTC().Truncate(time.Millisecond)}
	var cutArgs, cutOutput bool
	e.Args, cutArgs = bounded(arguments, argumentBytes)
	e.Output, cutOutput = bounded(output(result, content), outputBytes)
	e.Cut = cutArgs || cutOutput
	return e
}

// output is what the dialect calls the output of a tool.
func output(result, content []byte) []byte {
	if structured := wire.Get(result, "structuredContent"); structured != nil {
		return structured
	}
	var first []byte
	n := 0
	for one := range wire.Elements(content) {
		first = one
		n++
	}
	if n == 1 && wire.IsString(wire.Get(first, "type"), "text") {
		return wire.Get(first, "text")
	}
	return content
}

// bounded returns a copy of a JSON value, or where that is too large the beginning of its text, as a string with a mark.
func bounded(value []byte, most int) (copied json.RawMessage, cut bool) {
	if len(value) == 0 {
		return nil, false
	}
	s, isString := wire.Unquote(value)
	if !isString {
		s = string(value)
	}
	if len(value) <= most {
		if isString { // without lone surrogates, which no server must see of us
			return wire.AppendQuote(nil, s), false
		}
		return slices.Clone(value), false
	}
	end := min(len(s), most)
	for end > 0 && end < len(s) && s[end]&0xc0 == 0x80 { // not within a character
		end--
	}
	return wire.AppendQuote(nil, s[:end]+"… [cut]"), true
}
