package wire

// An Object is a JSON object that is being written. Its zero value is the empty one.
type Object []byte

// Member appends a member whose value is JSON; nil is none, and nothing is appended.
func (o Object) Member(name string, value []byte) Object {
	if value == nil {
		return o
	}
	if len(o) == 0 {
		o = append(o, '{')
	} else {
		o = append(o, ',')
	}
	return append(append(AppendQuote(o, name), ':'), value...)
}

// Text appends a member that is a string, unless that is empty.
func (o Object) Text(name, value string) Object {
	if value == "" {
		return o
	}
	return o.Member(name, AppendQuote(nil, value))
}

// Members returns what stands between the braces.
func (o Object) Members() []byte {
	if len(o) == 0 {
		return nil
	}
	return o[1:]
}

// End returns the object.
func (o Object) End() []byte {
	if len(o) == 0 {
		return []byte("{}")
	}
	return append(o, '}')
}
