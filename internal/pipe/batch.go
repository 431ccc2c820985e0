package pipe

import (
	"sync"

	"github.com/sumun-mcp/sumun/internal/dialect"
	"github.com/sumun-mcp/sumun/internal/dialogue"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A batch collects the answers to messages that came in one array. A nil one is no
// batch. Its methods may be called concurrently.
type batch struct {
	pipe *pipe

	mu sync.Mutex
	// answers is the array so far, not closed; running counts the requests that may
	// still be answered, and who begins them.
	answers []byte
	running int
}

// takeBatch starts what the messages of an array ask for, and answers with one array
// when all have ended.
func (p *pipe) takeBatch(data []byte) {
	var revision *mcp.Revision
	if p.session != nil {
		revision = p.session.Revision
	}
	elements, refused := dialogue.Split(data, revision, dialect.Speaks)
	if refused != nil {
		p.refuse(nil, refused, nil)
		return
	}
	b := &batch{pipe: p}
	b.begin()
	defer b.end()
	for i := range elements {
		e := &elements[i]
		if e.Refused != nil {
			p.refuse(&e.Message, e.Refused, b)
			continue
		}
		p.receive(&e.Message, b)
	}
}

func (b *batch) begin() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running++
}

// add takes the answer to one request.
func (b *batch) add(answer []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.answers == nil {
		b.answers = append(b.answers, '[')
	} else {
		b.answers = append(b.answers, ',')
	}
	b.answers = append(b.answers, answer...)
}

// end sends the array once nothing is left that could be answered.
func (b *batch) end() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.running--; b.running == 0 && b.answers != nil {
		b.pipe.write(func(dst []byte) []byte { return append(append(dst, b.answers...), ']') })
	}
}
