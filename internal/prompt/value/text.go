package value

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// A writer builds the text of a value within the limits of a run.
type writer struct {
	run   *Budget
	text  strings.Builder
	level int

	// How JSON is written.
	indent  string // of one level, if it is on several lines
	isLong  bool   // on several lines
	isPlain bool   // without escapes for other characters than those of ASCII, and for HTML
}

func (w *writer) write(s string) error {
	if err := w.run.Alloc(SizeByte * len(s)); err != nil {
		return err
	}
	w.text.Grow(len(s)) // doubles, which WriteString alone does not
	w.text.WriteString(s)
	return nil
}

// enter counts a level of lists and mappings; leave it with w.level--.
func (w *writer) enter() error {
	if w.level++; w.level > maxLevels {
		return tooDeep()
	}
	return w.run.Step(1)
}

// Text returns what a value shows as.
func (r *Budget) Text(v Value) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case *Undefined:
		return "", nil
	}
	w := writer{run: r}
	err := w.show(v)
	return w.text.String(), err
}

// show writes a value as Python shows it within lists.
func (w *writer) show(v Value) error {
	if err := w.enter(); err != nil {
		return err
	}
	defer func() { w.level-- }()
	switch v := v.(type) {
	case None:
		return w.write("None")
	case bool:
		return w.write(pythonBool(v))
	case string:
		return w.showString(v)
	case *Undefined:
		return w.write("Undefined")
	case *span:
		return w.write(spanText(v))
	case *List:
		return w.showList(v)
	case *Dict:
		return w.members(v, w.show)
	case Object:
		return w.write(v.String())
	}
	if n, ok := v.(*big.Int); ok {
		if _, err := w.run.Sized(n); err != nil {
			return err
		}
	}
	return w.write(NumberText(v))
}

func spanText(s *span) string {
	if s.step != 1 {
		return fmt.Sprintf("range(%d, %d, %d)", s.first, s.stop, s.step)
	}
	return fmt.Sprintf("range(%d, %d)", s.first, s.stop)
}

func (w *writer) showList(l *List) error {
	open, end := "[", "]"
	switch {
	case l.IsTuple && len(l.Items) == 1:
		open, end = "(", ",)"
	case l.IsTuple:
		open, end = "(", ")"
	}
	err := w.write(open)
	for i, item := range l.Items {
		if err == nil && i > 0 {
			err = w.write(", ")
		}
		if err == nil {
			err = w.show(item)
		}
	}
	if err != nil {
		return err
	}
	return w.write(end)
}

// members writes {key: value, …}.
func (w *writer) members(d *Dict, show func(Value) error) error {
	err := w.write("{")
	for i, key := range d.Keys {
		if err == nil && i > 0 {
			err = w.write(", ")
		}
		if err == nil {
			err = show(key)
		}
		if err == nil {
			err = w.write(": ")
		}
		if err == nil {
			err = show(d.Values[i])
		}
	}
	if err != nil {
		return err
	}
	return w.write("}")
}

// chunk is how much text is written at once.
const chunk = 4096

// showString writes a text as Python quotes it.
func (w *writer) showString(s string) error {
	mark := '\''
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		mark = '"'
	}
	return w.escaped(s, byte(mark), func(b []byte, c rune) []byte {
		switch {
		case c == '\\' || c == mark:
			return append(b, '\\', byte(c)) //nolint:gosec // both are ASCII
		case c == '\n':
			return append(b, `\n`...)
		case c == '\r':
			return append(b, `\r`...)
		case c == '\t':
			return append(b, `\t`...)
		case unicode.IsPrint(c):
			return utf8.AppendRune(b, c)
		case c <= 0xff:
			return appendHex(append(b, `\x`...), c, 2)
		case c <= 0xffff:
			return appendHex(append(b, `\u`...), c, 4)
		}
		return appendHex(append(b, `\U`...), c, 8)
	})
}

// escaped writes a text between two marks, each character by add.
func (w *writer) escaped(s string, mark byte, add func([]byte, rune) []byte) error {
	if err := w.run.Scan(8 * len(s)); err != nil {
		return err
	}
	b := append(make([]byte, 0, min(len(s), chunk)+16), mark)
	for _, c := range s {
		if b = add(b, c); len(b) < chunk {
			continue
		}
		if err := w.write(string(b)); err != nil {
			return err
		}
		b = b[:0]
	}
	return w.write(string(append(b, mark)))
}

// appendHex appends the last digits of a code.
func appendHex(b []byte, c rune, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		b = append(b, "0123456789abcdef"[c>>shift&15])
	}
	return b
}

// QuoteAll lists texts in an error.
func QuoteAll(names []Value) string {
	var quoted []string
	for _, name := range names {
		text, _ := name.(string)
		if len(text) > 100 {
			text = text[:100] + "…"
		}
		quoted = append(quoted, strconv.Quote(text))
	}
	return strings.Join(quoted, " or ")
}

// json writes a value as JSON, members sorted by their names.
func (w *writer) json(v Value) error {
	if err := w.enter(); err != nil {
		return err
	}
	defer func() { w.level-- }()
	switch v := v.(type) {
	case None:
		return w.write("null")
	case bool:
		return w.write(strings.ToLower(pythonBool(v)))
	case string:
		return w.jsonString(v)
	case *List:
		return w.jsonBlock("[", "]", len(v.Items), func(i int) error { return w.json(v.Items[i]) })
	case *Dict:
		return w.jsonObject(v)
	case *Undefined:
		return v.Fault()
	case float64:
		return w.write(jsonFloat(v))
	case int64, *big.Int:
		return w.show(v)
	}
	return Faultf("make it a list with the filter list", "%s is not JSON", Describe(v))
}

func jsonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	return NumberText(f)
}

// JSON returns a value as JSON, members sorted by their names. Without lines it
// is on one; else each level is indented. Plain text keeps all characters that
// JSON can hold; else those beyond ASCII and those of HTML are escaped.
func (r *Budget) JSON(v Value, indent string, lines, plain bool) (string, error) {
	w := writer{run: r, indent: indent, isLong: lines, isPlain: plain}
	err := w.json(v)
	return w.text.String(), err
}

// jsonBlock writes n items between open and end.
func (w *writer) jsonBlock(open, end string, n int, item func(i int) error) error {
	err := w.write(open)
	for i := range n {
		if err == nil && i > 0 && !w.isLong {
			err = w.write(", ")
		} else if err == nil && i > 0 {
			err = w.write(",")
		}
		if err == nil {
			err = w.line(w.level)
		}
		if err == nil {
			err = item(i)
		}
	}
	if err == nil && n > 0 {
		err = w.line(w.level - 1)
	}
	if err != nil {
		return err
	}
	return w.write(end)
}

// line begins a line if there are several.
func (w *writer) line(level int) error {
	if !w.isLong {
		return nil
	}
	if err := w.run.Alloc(len(w.indent) * level); err != nil {
		return err
	}
	return w.write("\n" + strings.Repeat(w.indent, level))
}

func (w *writer) jsonObject(d *Dict) error {
	sorted, err := w.run.SortedBy(&List{Items: d.Keys}, func(v Value) (Value, error) { return v, nil }, false)
	if err != nil {
		return err
	}
	return w.jsonBlock("{", "}", len(d.Keys), func(i int) error {
		key := sorted.Items[i]
		h, err := w.run.hash(key)
		if err != nil {
			return err
		}
		if err := w.jsonKey(key); err != nil {
			return err
		}
		if err := w.write(": "); err != nil {
			return err
		}
		v, _ := d.at(h)
		return w.json(v)
	})
}

// jsonKey writes the name of a member: a key that is no text is shown as JSON.
func (w *writer) jsonKey(key Value) error {
	inner := writer{run: w.run}
	switch key := key.(type) {
	case string:
		return w.jsonString(key)
	case *List:
		return Faultf("use texts as keys", "%s cannot be the name of a member in JSON", Describe(key))
	}
	if err := inner.json(key); err != nil {
		return err
	}
	return w.write(`"` + inner.text.String() + `"`)
}

// jsonShort are the characters that JSON has a short escape for, each followed
// by its letter.
const jsonShort = "\"\"\\\\\nn\rr\tt\bb\ff"

func (w *writer) jsonString(s string) error {
	return w.escaped(s, '"', func(b []byte, c rune) []byte {
		i := strings.IndexRune(jsonShort, c)
		switch {
		case i >= 0 && i%2 == 0:
			return append(b, '\\', jsonShort[i+1])
		case c >= ' ' && (w.isPlain || c < 0x7f && !strings.ContainsRune("<>&'", c)):
			return utf8.AppendRune(b, c)
		case c <= 0xffff:
			return appendHex(append(b, `\u`...), c, 4)
		}
		high, low := utf16.EncodeRune(c)
		return appendHex(append(appendHex(append(b, `\u`...), high, 4), `\u`...), low, 4)
	})
}

// Join returns the texts of values with a separator between them.
func (r *Budget) Join(values []Value, separator string) (Value, error) {
	texts, size := make([]string, len(values)), 0
	if err := r.Alloc(16 * len(values)); err != nil {
		return nil, err
	}
	for i, v := range values {
		text, err := r.Text(v)
		if err != nil {
			return nil, err
		}
		texts[i] = text
		size += len(text) + len(separator)
		if size > r.maxMemory {
			break
		}
	}
	if err := r.Alloc(size); err != nil {
		return nil, err
	}
	return strings.Join(texts, separator), nil
}

// IsSpace reports what Jinja takes as white space: that of Unicode and the
// four separators of ASCII.
func IsSpace(c rune) bool { return unicode.IsSpace(c) || c >= 0x1c && c <= 0x1f }
