package trust

import (
	"encoding/json"
	"fmt"
)

// The kinds of pins.
const (
	KindTool         = "tool"
	KindPrompt       = "prompt"
	KindResource     = "resource"
	KindTemplate     = "template"
	KindInstructions = "instructions"
)

// Pins returns what a manifest says that the server offers.
func (m *Manifest) Pins() []Pin {
	var pins []Pin
	for kind, items := range map[string][]Item{KindTool: m.Tools, KindPrompt: m.Prompts, KindResource: m.Resources, KindTemplate: m.Templates} {
		for _, item := range items {
			pins = append(pins, Pin{Kind: kind, Name: item.Name, Digest: item.Digest})
		}
	}
	if m.Instructions != "" {
		pins = append(pins, Pin{Kind: KindInstructions, Digest: m.Instructions})
	}
	return pins
}

// Differences returns how what a server offers differs from what its manifest says. Resources count only if the manifest names some. The
// error says what of the offer cannot be read.
func (m *Manifest) Differences(s *Subject) ([]Change, error) {
	if len(m.Resources) == 0 {
		without := *s
		without.Resources = nil
		s = &without
	}
	offered, err := s.Pins()
	if err != nil {
		return nil, err
	}
	return Compare(m.Pins(), offered), nil
}

// Pins returns what a server offers, as it would be approved. The error names an element without a name, two with one, and what is no
// JSON object.
func (s *Subject) Pins() ([]Pin, error) {
	var pins []Pin
	seen := map[Pin]bool{}
	for _, list := range []struct {
		kind, member string
		elements     []json.RawMessage
	}{{KindTool, "name", s.Tools}, {KindPrompt, "name", s.Prompts}, {KindResource, "uri", s.Resources}, {KindTemplate, "uriTemplate", s.Templates}} {
		for i, element := range list.elements {
			pin, err := pinOf(list.kind, list.member, element)
			if err != nil {
				return nil, fmt.Errorf("element %d of the list of %ss: %w", i+1, list.kind, err)
			}
			id := Pin{Kind: pin.Kind, Name: pin.Name}
			if seen[id] {
				return nil, fmt.Errorf("the %s %.80q is offered twice", pin.Kind, pin.Name)
			}
			seen[id] = true
			pins = append(pins, pin)
		}
	}
	if s.Instructions != "" {
		text, err := json.Marshal(map[string]string{KindInstructions: s.Instructions})
		if err != nil {
			return nil, fmt.Errorf("reading the instructions: %w", err)
		}
		digest, err := ItemDigest(text)
		if err != nil {
			return nil, fmt.Errorf("reading the instructions: %w", err)
		}
		pins = append(pins, Pin{Kind: KindInstructions, Digest: digest})
	}
	return pins, nil
}

// pinOf returns the pin of one element of a list, whose name stands in a member.
func pinOf(kind, member string, element json.RawMessage) (Pin, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(element, &members); err != nil {
		return Pin{}, fmt.Errorf("it is no JSON object: %w", err)
	}
	var name string
	if err := json.Unmarshal(members[member], &name); err != nil || name == "" {
		return Pin{}, fmt.Errorf("it has no %s", member)
	}
	digest := ItemDigest
	if kind == KindTool {
		digest = Digest
	}
	sum, err := digest(element)
	if err != nil {
		return Pin{}, err
	}
	return Pin{Kind: kind, Name: name, Digest: sum}, nil
}

// Describe returns the manifest of what a server offers, for its owner to complete: it has no times yet.
func Describe(s *Subject) (*Manifest, error) {
	pins, err := s.Pins()
	if err != nil {
		return nil, fmt.Errorf("describing the server: %w", err)
	}
	m := &Manifest{Type: ManifestType, Name: s.Software, Version: s.Version, Tools: []Item{}}
	lists := map[string]*[]Item{KindTool: &m.Tools, KindPrompt: &m.Prompts, KindResource: &m.Resources, KindTemplate: &m.Templates}
	for _, p := range pins {
		if p.Kind == KindInstructions {
			m.Instructions = p.Digest
			continue
		}
		*lists[p.Kind] = append(*lists[p.Kind], Item{Name: p.Name, Digest: p.Digest})
	}
	return m, nil
}
