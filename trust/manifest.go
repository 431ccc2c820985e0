package trust

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ManifestType is the type of the manifests that this package reads.
const ManifestType = "sumun.manifest/v1"

// A Manifest is what a server's owner says that it is and offers, to be signed: whoever gets it knows what the server's lists have to
// be. Times are in RFC 3339.
type Manifest struct {
	// Type is ManifestType.
	Type string `json:"type"`
	// Name and Version are the server's.
	Name    string `json:"name"`
	Version string `json:"version"`
	// URI is where the server is reached, which binds the manifest to it; empty for one that is started as a process.
	URI string `json:"uri,omitempty"`
	// Packages are the files that the server is made of.
	Packages []Package `json:"packages,omitempty"`
	// Tools, Prompts, Resources and Templates are all that it offers. Resources come and go: a manifest without any says nothing of them.
	Tools     []Item `json:"tools"`
	Prompts   []Item `json:"prompts,omitempty"`
	Resources []Item `json:"resources,omitempty"`
	Templates []Item `json:"templates,omitempty"`
	// Instructions is the digest of what it tells models, empty if it tells nothing.
	Instructions string `json:"instructions,omitempty"`
	// Hosts, Paths and Commands are what it reaches, reads or writes, and runs.
	Hosts    []string `json:"hosts,omitempty"`
	Paths    []string `json:"paths,omitempty"`
	Commands []string `json:"commands,omitempty"`
	// Issued and Expires are when it begins and ends to hold.
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
	// Epoch counts the manifests of one server; one with a lower number than was seen before is an old one, shown again.
	Epoch int64 `json:"epoch"`
}

// A Package is one file that a server is made of.
type Package struct {
	// URI names it: a package URL (purl) or an address.
	URI string `json:"uri"`
	// Digest is "sha256:" or "sha512:", and hex.
	Digest string `json:"digest"`
}

// An Item is one thing that is offered, with its digest.
type Item struct {
	// Name is the tool's or the prompt's, or the resource's URI.
	Name string `json:"name"`
	// Digest is that of [Digest] for a tool, and of [ItemDigest] for others.
	Digest string `json:"digest"`
}

// ParseManifest reads a manifest. It refuses what might be read in another way by others: members that stand twice or are not known,
// integers beyond ±2^53, escapes of half a character; and what says nothing: no name, no time, an end before the beginning, one thing twice.
func ParseManifest(document []byte) (*Manifest, error) {
	if _, err := Canonical(document); err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	var m Manifest
	if err := json.Unmarshal(document, &m); err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	if err := errors.Join(known(document), m.check()); err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	return &m, nil
}

// known returns an error if a member is none of a manifest's. Go's decoder also takes members whose letters have another case, which
// another reader does not: they are not known.
func known(document []byte) error {
	var whole map[string]json.RawMessage
	if err := json.Unmarshal(document, &whole); err != nil {
		return err
	}
	for name, value := range whole {
		members, ok := manifestMembers[name]
		if !ok {
			return fmt.Errorf("the member %.80q is not known", name)
		}
		if members == nil {
			continue
		}
		var list []map[string]json.RawMessage
		if err := json.Unmarshal(value, &list); err != nil {
			return err
		}
		for _, element := range list {
			for inner := range element {
				if !slices.Contains(members, inner) {
					return fmt.Errorf("the member %.80q in %s is not known", inner, name)
				}
			}
		}
	}
	return nil
}

// manifestMembers are the members of a manifest, with those of the elements of its lists.
var manifestMembers = map[string][]string{
	"type": nil, "name": nil, "version": nil, "uri": nil, "hosts": nil, "paths": nil, "commands": nil, "issued": nil, "expires": nil, "epoch": nil,
	"packages": {"uri", "digest"}, "tools": {"name", "digest"}, "prompts": {"name", "digest"}, "resources": {"name", "digest"},
	"templates": {"name", "digest"}, "instructions": nil,
}

func (m *Manifest) check() error {
	switch {
	case m.Type != ManifestType:
		return fmt.Errorf("its type is %.40q; only %q is known here", m.Type, ManifestType)
	case m.Name == "":
		return errors.New("it names no server")
	case m.Issued.IsZero() || m.Expires.IsZero():
		return errors.New("it does not say from when until when it holds (issued, expires)")
	case !m.Expires.After(m.Issued):
		return errors.New("it expires before it is issued")
	case m.Epoch < 0:
		return errors.New("its epoch is negative")
	}
	for _, list := range [][]Item{m.Tools, m.Prompts, m.Resources, m.Templates} {
		seen := map[string]bool{}
		for _, item := range list {
			if item.Name == "" || item.Digest == "" {
				return errors.New("something in it has no name or no digest")
			}
			if seen[item.Name] {
				return fmt.Errorf("%.80q stands in it twice", item.Name)
			}
			seen[item.Name] = true
		}
	}
	return nil
}
