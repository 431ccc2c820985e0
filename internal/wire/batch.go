package wire

// MostBatch is how many messages the house takes from one array unless it has a reason for another bound.
const MostBatch = 100

// IsBatch reports whether data is an array, if it is JSON at all: then [Scanner.Batch] reads it, else the scan of a message.
func IsBatch(data []byte) bool {
	i := blank(data, 0)
	return i < len(data) && data[i] == '['
}

// Batch splits an array of messages (JSON-RPC 2.0, section 6), which may be as many as most. None is scanned yet, so that a fault
// within one is a fault of that one alone. Each then goes to [Scanner.Request] or [Scanner.Answer], for which it may be as deep
// as if it stood alone. The slices alias data.
//
// It refuses, with an *[Error]: what is not JSON, anywhere in data, and trailing bytes ([CodeParse]); and ([CodeInvalid]) what
// is not an array, an empty array, an array in the array, and more messages than most.
func (s *Scanner) Batch(data []byte, most int) ([][]byte, error) {
	p := s.begin(data, nil, &s.value)
	defer s.end(p)
	b := batch{pass: p, most: most}
	b.read()
	if p.err.Code == 0 {
		p.err = b.why
	}
	if p.err.Code != 0 {
		return nil, p.refusal()
	}
	return b.messages, nil
}

// A batch is the state of one split. Its why is about the array; the err of the pass, between two messages, says only that the
// bytes are not JSON.
type batch struct {
	*pass
	most     int
	messages [][]byte
	why      Error
}

// read splits the array, to its end even when a fault was found: what is not JSON is always told as such.
func (b *batch) read() {
	i := b.space(0)
	if b.at(i) != '[' {
		b.refuse(i, "it is not an array of messages")
		b.root(rolePlain)
		b.forgive()
		return
	}
	if i = b.space(i + 1); b.at(i) == ']' {
		b.refuse(i, "an array of messages must not be empty")
		i++
	} else {
		i = b.elements(i)
	}
	if i == failed {
		return
	}
	if i = b.space(i); i < len(b.data) {
		b.fail(i, "more bytes follow the end of the array")
	}
}

// elements reads from the first element to the end of the array.
func (b *batch) elements(i int) int {
	for {
		end := b.element(i)
		if end == failed {
			return failed
		}
		switch i = b.space(end); b.at(i) {
		case ',':
			i = b.space(i + 1)
		case ']':
			return i + 1
		default:
			return b.unexpected(i, "a comma or the end of the array")
		}
	}
}

// element reads one element. It stands alone: the array around it does not count for its depth.
func (b *batch) element(i int) int {
	switch {
	case b.at(i) == '[':
		b.refuse(i, "an array of messages must not contain another")
	case len(b.messages) == b.most:
		b.refuse(i, "too many messages in one array")
	}
	end := b.value(i, 0, rolePlain)
	if end == failed {
		return failed
	}
	b.forgive()
	if b.why.Code == 0 {
		b.messages = append(b.messages, b.data[i:end:end])
	}
	return end
}

// refuse notes a fault of the array.
func (b *batch) refuse(at int, reason string) {
	if b.why.Code == 0 {
		b.why = Error{Code: CodeInvalid, Reason: reason, Offset: at}
	}
}

// forgive forgets the fault of one message, which its own scan will find again.
func (b *batch) forgive() {
	if b.err.Code == CodeInvalid {
		b.err = Error{}
	}
}
