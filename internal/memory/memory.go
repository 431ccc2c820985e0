// Package memory keeps what was answered to earlier calls in one root: bounded, offered to later calls, and for tools that
// may be remembered an answer to identical ones, until something is written.
package memory

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
	// callBytes is what a call takes besides its parts.
	callBytes = 64
	// offeredBytes is how much of the memory one call is handed.
	offeredBytes = 32 << 10
)

// A Memory keeps the results of earlier calls in a root. Its methods may be called concurrently.
type Memory struct {
	entries, bytes int // the most that it keeps

	mu sync.Mutex
	// kept are the entries, the oldest in front; size is what they take.
	kept []*Call
	size int
	// answers are those that answer identical calls, by key.
	answers map[string]*Call
	// last is the number of the newest entry, cleared of the last that answers nothing any more.
	last, cleared int64
	// unsaved says that answers were dropped, and that it is not sure yet that this is stored.
	unsaved bool
	// age counts writes that have begun; writing is how many go on. What was read before or during one is no answer.
	age     uint64
	writing int
}

// A Call is one call that a memory keeps. It is never changed.
type Call struct {
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

	// Seq numbers the calls of a memory from 1 on.
	Seq int64 `json:"-"`
}

// An Offer is what later calls see of one that is remembered.
type Offer struct {
	Tool   string          `json:"tool"`
	Args   json.RawMessage `json:"args,omitempty"`
	Output json.RawMessage `json:"output"`
	At     time.Time       `json:"at"`
	Cut    bool            `json:"cut,omitempty"`
}

func (m *Call) size() int {
	return callBytes + len(m.Tool) + len(m.Args) + len(m.Output) + len(m.Key) + len(m.Result)
}

// New returns an empty Memory that keeps so many calls, of so many bytes in all. Of those that are loaded into it, the ones
// with numbers up to cleared answer no call.
func New(entries, bytes int, cleared int64) *Memory {
	return &Memory{entries: entries, bytes: bytes, cleared: cleared}
}

// Bounds returns how many calls are kept at most, and of how many bytes.
func (m *Memory) Bounds() (entries, bytes int) { return m.entries, m.bytes }

// Watermark is the number up to which nothing is an answer.
func (m *Memory) Watermark() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cleared
}

// Begin notes that a call begins which may change something: nothing that is known answers a call any more. It reports
// whether the Watermark is to be stored, and Saved to be called, before that call is made.
func (m *Memory) Begin() (unsaved bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.age++
	m.writing++
	m.unsaved = m.unsaved || len(m.answers) > 0
	m.answers = nil
	m.cleared = m.last
	return m.unsaved
}

// Saved notes that a Watermark is stored.
func (m *Memory) Saved(watermark int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.unsaved = m.unsaved && watermark < m.cleared
}

// End notes that such a call has ended.
func (m *Memory) End() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.age++
	m.writing--
}

// Answer returns the call that answers identical ones, and the age of the memory, under which the result of a call
// that is made instead can be added.
func (m *Memory) Answer(key string) (*Call, uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.answers[key], m.age
}

// Add keeps a call. What it has been answered is an answer only if nothing was changed since age. Added is told what is
// to be stored while nobody else adds, so that the store hears of entries in their order: the entry, and the number up
// to which others went for it.
func (m *Memory) Add(e *Call, age uint64, added func(e *Call, gone int64)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.Key != "" && (m.age != age || m.writing > 0) {
		e.Key, e.Result, e.Revision = "", nil, ""
	}
	if e.size() > m.bytes {
		return
	}
	m.last++
	e.Seq = m.last
	added(e, m.put(e))
}

// put keeps an entry and lets the oldest go for it; it returns the number of the last that went, or 0.
func (m *Memory) put(e *Call) (gone int64) {
	m.kept = append(m.kept, e)
	m.size += e.size()
	if e.Key != "" {
		if m.answers == nil {
			m.answers = map[string]*Call{}
		}
		m.answers[e.Key] = e
	}
	n := 0
	for ; len(m.kept)-n > m.entries || m.size > m.bytes; n++ {
		old := m.kept[n]
		m.size -= old.size()
		gone = old.Seq
		if m.answers[old.Key] == old {
			delete(m.answers, old.Key)
		}
	}
	m.kept = slices.Delete(m.kept, 0, n)
	return gone
}

// Load puts an entry in that was stored.
func (m *Memory) Load(seq int64, data []byte) error {
	e := &Call{Seq: seq}
	if err := json.Unmarshal(data, e); err != nil {
		return err
	}
	if e.Seq <= m.cleared || mcp.ParseRevision(e.Revision) == nil {
		e.Key, e.Result, e.Revision = "", nil, ""
	}
	m.last = max(m.last, e.Seq, m.cleared)
	m.put(e)
	return nil
}

// Offers returns the newest entries, in their order, that fit into what a call is handed.
func (m *Memory) Offers() []Offer {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	from, size := len(m.kept), 0
	for from > 0 {
		e := m.kept[from-1]
		if size += len(e.Tool) + len(e.Args) + len(e.Output) + callBytes; size > offeredBytes {
			break
		}
		from--
	}
	var all []Offer
	for _, e := range m.kept[from:] {
		all = append(all, Offer{e.Tool, e.Args, e.Output, e.At, e.Cut})
	}
	return all
}

// Fill is how full a memory is.
func (m *Memory) Fill() (entries, bytes int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.kept), m.size
}

// Remember returns the entry of a call that went well; nil for a result that is not kept: of a tool that failed, a
// question, a task.
func Remember(tool string, arguments, result []byte, at time.Time) *Call {
	content := wire.Get(result, "content")
	kind := wire.Get(result, "resultType")
	if len(content) == 0 || content[0] != '[' || string(wire.Get(result, "isError")) == "true" || kind != nil && !wire.IsString(kind, "complete") {
		return nil
	}
	e := &Call{Tool: tool, At: at.UTC().Truncate(time.Millisecond)}
	var cutArgs, cutOutput bool
	e.Args, cutArgs = bounded(arguments, argumentBytes)
	e.Output, cutOutput = bounded(output(result, content), outputBytes)
	e.Cut = cutArgs || cutOutput
	return e
}

// Answers has the call answer others of that key by its result, in the words of a revision, unless that is too large.
func (m *Call) Answers(key string, result []byte, r *mcp.Revision) {
	if len(result) <= resultBytes {
		m.Key, m.Result, m.Revision = key, slices.Clone(result), r.Name
	}
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
