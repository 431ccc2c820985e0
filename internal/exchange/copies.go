package exchange

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Copies are copies of registries in a directory: a file each, replaced at once.
type Copies struct{ Dir string }

// A Copy is what one registry had.
type Copy struct {
	// Source is the registry's URL, or the file that was read, and Fetched when.
	Source  string    `json:"source"`
	Fetched time.Time `json:"fetched"`
	Records []Record  `json:"records"`
}

// Fetch brings the copy of a registry up to date: only what has changed since the last time is asked for. Skipped counts records that are not in
// the format.
func (c Copies) Fetch(ctx context.Context, client *Client) (copied *Copy, skipped int, err error) {
	source := client.base()
	old, err := c.load(c.file(source))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, err
	}
	next := &Copy{Source: source, Fetched: time.Now().UTC().Truncate(time.Second)}
	all, latest := map[string]Record{}, map[string]string{} // latest: by name, the key of the latest version
	var since time.Time
	if old != nil {
		since = old.Fetched.Add(-time.Hour) // clocks differ
		for _, r := range old.Records {
			all[r.key()] = r
			if s, err := r.Decode(); err == nil && r.Status().IsLatest {
				latest[s.Name] = r.key()
			}
		}
	}
	for r, err := range client.All(ctx, Query{Since: since}) {
		if err != nil {
			return nil, 0, err
		}
		s, err := r.Decode()
		if err != nil || s.Check() != nil {
			skipped++
			continue
		}
		if r.Status().IsLatest { // that another one is it no longer is told by this alone
			if was, ok := latest[s.Name]; ok && was != r.key() {
				before := all[was]
				all[was] = before.outdated()
			}
			latest[s.Name] = r.key()
		}
		all[r.key()] = r
	}
	for _, r := range all {
		next.Records = append(next.Records, r)
	}
	slices.SortFunc(next.Records, func(a, b Record) int { return cmp.Compare(a.key(), b.key()) })
	return next, skipped, c.Keep(next)
}

// key orders records: by name, then by version, both as texts.
func (r *Record) key() string {
	s, err := r.Decode()
	if err != nil {
		return ""
	}
	return s.Name + "\n" + s.Version
}

// outdated returns the record without being the latest.
func (r Record) outdated() Record {
	s := r.Status()
	if !s.IsLatest {
		return r
	}
	s.IsLatest = false
	meta := maps.Clone(r.Meta)
	if raw, err := json.Marshal(s); err == nil {
		meta[MetaOfficial] = raw
	}
	return Record{Server: r.Server, Meta: meta}
}

// Keep writes a copy.
func (c Copies) Keep(one *Copy) error {
	data, err := json.Marshal(one)
	if err != nil {
		return fmt.Errorf("writing the copy of a registry: %w", err)
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return fmt.Errorf("making the directory of copies: %w", err)
	}
	f, err := os.CreateTemp(c.Dir, ".copy-*")
	if err != nil {
		return fmt.Errorf("writing the copy of a registry: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // it is gone where all went well
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing the copy of a registry: %w", err)
	}
	return os.Rename(f.Name(), c.file(one.Source))
}

func (c Copies) file(source string) string {
	sum := sha256.Sum256([]byte(source))
	return filepath.Join(c.Dir, hex.EncodeToString(sum[:16])+".json")
}

func (c Copies) load(name string) (*Copy, error) {
	data, err := os.ReadFile(name) //nolint:gosec // a file of our own
	if err != nil {
		return nil, fmt.Errorf("reading the copy of a registry: %w", err)
	}
	one := &Copy{}
	if err := json.Unmarshal(data, one); err != nil {
		return nil, fmt.Errorf("reading the copy of a registry, %s: %w; remove it, and import again", name, err)
	}
	return one, nil
}

// All returns all copies, by their sources.
func (c Copies) All() ([]*Copy, error) {
	names, err := filepath.Glob(filepath.Join(c.Dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("looking for copies of registries: %w", err)
	}
	var all []*Copy
	for _, name := range names {
		one, err := c.load(name)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b *Copy) int { return cmp.Compare(a.Source, b.Source) })
	return all, nil
}

// A Found is a record with the registry that it comes from.
type Found struct {
	Record

	Server *Server
	From   string
}

// Search returns the records of all copies whose name, title or description has a text, the latest versions only unless every is set. Deleted
// ones are left out.
func (c Copies) Search(text string, every bool) ([]Found, error) {
	copies, err := c.All()
	if err != nil {
		return nil, err
	}
	text = strings.ToLower(text)
	var found []Found
	for _, one := range copies {
		for _, r := range one.Records {
			s, err := r.Decode()
			status := r.Status()
			if err != nil || status.Status == "deleted" || !status.IsLatest && !every && r.Meta != nil ||
				!strings.Contains(strings.ToLower(s.Name+"\n"+s.Title+"\n"+s.Description), text) {
				continue
			}
			found = append(found, Found{r, s, one.Source})
		}
	}
	return found, nil
}
