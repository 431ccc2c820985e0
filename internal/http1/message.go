package http1

import (
	"bytes"
	"io"
	"sync/atomic"
)

// A Message is bytes that requests have as their body, and says whether any of them still reads it.
type Message struct {
	bytes []byte
	open  atomic.Int32 // bodies that are not closed
}

// NewMessage returns a Message of bytes that do not change before it is free.
func NewMessage(b []byte) *Message { return &Message{bytes: b} }

// Len returns the length of the message, in bytes.
func (m *Message) Len() int64 { return int64(len(m.bytes)) }

// Body returns the message as the body of one more request. The error is nil; it is there for http.Request.GetBody.
func (m *Message) Body() (io.ReadCloser, error) {
	m.open.Add(1)
	b := &messageBody{of: m}
	b.Reset(m.bytes)
	return b, nil
}

// Free reports whether nobody reads the bytes any more: a carrier may go on with it after the answer has come. It is called when
// no more requests are made.
func (m *Message) Free() bool { return m.open.Load() == 0 }

// A messageBody is the body of one request.
type messageBody struct {
	bytes.Reader
	of     *Message
	closed atomic.Bool
}

// Close notes that the body is not read any more.
func (b *messageBody) Close() error {
	if b.closed.CompareAndSwap(false, true) {
		b.of.open.Add(-1)
	}
	return nil
}
