package answers

import (
	"bytes"
	"strings"

	"github.com/sumun-mcp/sumun/internal/inspect"
	"github.com/sumun-mcp/sumun/internal/wire"
	"github.com/sumun-mcp/sumun/trust"
)

const (
	// maxEnd is how much of the beginning and of the end of a long block is looked at together with others, in bytes.
	maxEnd = 512
	// maxBlocks is how many blocks are looked for those that make an order together; of more all are taken.
	maxBlocks = 64
)

// blocks returns where the texts of a result lie that a model reads one after the other: the members text of content blocks, of the
// messages of a prompt, of what a resource contains.
func blocks(value []byte) (all []wire.Span) {
	next := -1 // where the value of a member text begins
	for at := range strs(value) {
		after := at.End + len(value[at.End:]) - len(bytes.TrimLeft(value[at.End:], " \t\r\n"))
		switch {
		case after < len(value) && value[after] == ':':
			next = -1
			if wire.KeyEqual(value[at.Start+1:at.End-1], "text") {
				next = len(value) - len(bytes.TrimLeft(value[after+1:], " \t\r\n"))
			}
		case at.Start == next:
			all = append(all, at)
		}
	}
	return all
}

// together finds orders that stand in no block alone, since they are spread over several: a host may join them with a blank or without. Only
// what is certain counts.
func (a *Answers) together(value []byte, where trust.Place) []trust.Finding {
	if !several(value) {
		return nil
	}
	parts := a.ends(value, blocks(value))
	if len(parts) < 2 {
		return nil
	}
	return a.joint(parts, where)
}

// several reports whether there may be more than one block: whether two members are called text.
func several(value []byte) bool {
	name, n := []byte(`"text"`), 0
	for {
		_, rest, ok := bytes.Cut(value, name)
		if !ok {
			return false
		}
		if value = rest; bytes.HasPrefix(bytes.TrimLeft(value, " \t\r\n"), []byte{':'}) {
			n++
		}
		if n > 1 {
			return true
		}
	}
}

// ends returns the texts of blocks, of long ones what they begin and end with.
func (a *Answers) ends(value []byte, all []wire.Span) []string {
	parts := make([]string, len(all))
	for i, at := range all {
		text, _ := wire.Unquote(value[at.Start:at.End])
		if len(text) > 2*maxEnd {
			text = strings.ToValidUTF8(text[:maxEnd], "") + "\n\n" + strings.ToValidUTF8(text[len(text)-maxEnd:], "")
		}
		parts[i] = text
	}
	return parts
}

// joint returns what is certainly found in texts one after the other.
func (a *Answers) joint(parts []string, where trust.Place) []trust.Finding {
	if all := a.joined(parts, where); certain(all) {
		return all
	}
	return nil
}

// joined returns what is likely found in texts one after the other, with a blank between them or without: the more certain of the two.
func (a *Answers) joined(parts []string, where trust.Place) (all []trust.Finding) {
	for _, between := range []string{" ", ""} {
		if found := likely(a.Detector.Text(strings.Join(parts, between), inspect.Answer, where)); certain(found) || all == nil {
			all = found
		}
	}
	return all
}

// unjoined returns a value without the blocks that make an order together: of the fewest in a row, again and again until there are none. Of
// a server that has spread one order over blocks, what is only likely goes too.
func (a *Answers) unjoined(value []byte) []byte {
	all := blocks(value)
	parts := a.ends(value, all)
	var patches []wire.Patch
	for len(parts) > 1 && (len(patches) == 0 && a.joint(parts, trust.Place{}) != nil || len(patches) > 0 && len(a.joined(parts, trust.Place{})) > 0) {
		begin, end := 0, len(parts)
		if end <= maxBlocks {
			begin, end = a.fewest(parts)
		}
		for i := begin; i < end; i++ {
			parts[i] = mark
			patches = append(patches, wire.Patch{Span: all[i], With: wire.AppendQuote(nil, mark)})
		}
		parts, all = parts[end:], all[end:]
	}
	return wire.AppendPatched(nil, value, patches...)
}

// fewest returns which parts in a row, of those that make an order together, make one that ends first.
func (a *Answers) fewest(parts []string) (begin, end int) {
	for end = 1; end < len(parts) && len(a.joined(parts[:end], trust.Place{})) == 0; end++ {
	}
	for begin < end-1 && len(a.joined(parts[begin+1:end], trust.Place{})) > 0 {
		begin++
	}
	return begin, end
}
