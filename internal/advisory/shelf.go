package advisory

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// How often sources at URLs are asked again, also after a failure, and how often files are looked at.
const (
	daily   = 24 * time.Hour
	retry   = time.Hour
	look    = time.Minute
	timeout = 2 * time.Minute
)

// What is fetched and unpacked is bounded.
const (
	maxSource   = 256 << 20
	maxUnpacked = 1 << 30
)

// A Shelf keeps further records beside those of the program up to date: files, directories and URLs, each with records as [Read] takes them, or
// an archive of such files (zip), as OSV gives out. Of a URL it keeps the last copy that could be read. Its methods may be called
// concurrently; a nil Shelf has the program's own records.
type Shelf struct {
	// Dir is where copies lie; empty keeps them in memory only.
	Dir string
	// Sources are the files, directories and URLs in force, absolute.
	Sources func() []string
	// Carrier fetches; nil is http.DefaultTransport.
	Carrier http.RoundTripper
	// Changed is told when other records are on the shelf; nil tells nobody.
	Changed func()
	Log     *slog.Logger

	book    atomic.Pointer[Book]
	end     context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex           // one load or update at a time; guards what follows
	copies map[string][]byte    // by URL, without Dir
	tried  map[string]time.Time // by URL: when it was last asked
	marks  string               // of what was last loaded
}

// Book returns all records.
func (s *Shelf) Book() *Book {
	if s != nil {
		if b := s.book.Load(); b != nil {
			return b
		}
	}
	return Own()
}

// Begin loads what there is, and keeps it up to date until Close.
func (s *Shelf) Begin(ctx context.Context) {
	ctx, s.end = context.WithCancel(ctx)
	s.running.Go(func() {
		s.refresh(ctx)
		tick := time.NewTicker(look)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				s.refresh(ctx)
			}
		}
	})
}

// Close ends that.
func (s *Shelf) Close() {
	if s != nil && s.end != nil {
		s.end()
		s.running.Wait()
	}
}

// Load reads all sources, without asking any URL. What cannot be read is left out.
func (s *Shelf) Load() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(true); err != nil {
		s.Log.Warn("some advisories cannot be read", slog.Any("error", err))
	}
}

// refresh asks the URLs that are due, and loads what has changed.
func (s *Shelf) refresh(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, source := range s.sources() {
		if isURL(source) && s.due(source) {
			if err := s.fetch(ctx, source); err != nil && ctx.Err() == nil {
				s.Log.WarnContext(ctx, "advisories cannot be fetched; the last good copy stays", slog.String("source", source), slog.Any("error", err))
			}
		}
	}
	if err := s.load(false); err != nil {
		s.Log.WarnContext(ctx, "some advisories cannot be read", slog.Any("error", err))
	}
}

func (s *Shelf) sources() []string {
	if s.Sources == nil {
		return nil
	}
	return s.Sources()
}

// due reports whether a URL is to be asked again.
func (s *Shelf) due(source string) bool {
	if at, ok := s.tried[source]; ok && time.Since(at) < retry {
		return false
	}
	if s.Dir == "" {
		return s.copies[source] == nil || time.Since(s.tried[source]) >= daily
	}
	info, err := os.Stat(s.file(source))
	return err != nil || time.Since(info.ModTime()) >= daily
}

// An Outcome is what became of one source.
type Outcome struct {
	Source  string `json:"source"`
	Records int    `json:"records"`
	// Age is how old the copy of a URL is, in seconds.
	Age   int64  `json:"age,omitempty"`
	Error string `json:"error,omitempty"`
}

// Update fetches all URLs now and loads everything. It returns what became of each source.
func (s *Shelf) Update(ctx context.Context) []Outcome {
	s.mu.Lock()
	failed := map[string]error{}
	for _, source := range s.sources() {
		if isURL(source) {
			failed[source] = s.fetch(ctx, source)
		}
	}
	err := s.load(true)
	s.mu.Unlock()
	all := s.Look()
	for i := range all {
		if f := failed[all[i].Source]; f != nil {
			all[i].Error = f.Error()
		}
	}
	if err != nil && len(all) == 0 {
		all = append(all, Outcome{Error: err.Error()})
	}
	return all
}

// Look returns what each source has, without asking anybody.
func (s *Shelf) Look() []Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []Outcome{}
	for _, source := range s.sources() {
		o := Outcome{Source: source}
		records, err := s.read(source)
		if o.Records = len(records); err != nil {
			o.Error = err.Error()
		}
		if info, err := os.Stat(s.file(source)); isURL(source) && s.Dir != "" && err == nil {
			o.Age = int64(time.Since(info.ModTime()).Seconds())
		}
		all = append(all, o)
	}
	return all
}

// load reads all sources into a new book, if something has changed or always is set. What cannot be read is left out.
func (s *Shelf) load(always bool) error {
	marks := s.mark()
	if marks == s.marks && !always && s.book.Load() != nil {
		return nil
	}
	s.marks = marks
	lists := [][]Advisory{Embedded()}
	var faults []error
	for _, source := range s.sources() {
		records, err := s.read(source)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			faults = append(faults, err)
		}
		lists = append(lists, records)
	}
	s.book.Store(NewBook(lists...))
	if s.Changed != nil {
		s.Changed()
	}
	return errors.Join(faults...)
}

// mark tells whether some file is another than it was.
func (s *Shelf) mark() string {
	h := sha256.New()
	for _, source := range s.sources() {
		name := source
		if isURL(source) {
			name = s.file(source)
			fmt.Fprintf(h, "%d ", len(s.copies[source]))
		}
		for _, file := range files(name) {
			if info, err := os.Stat(file); err == nil {
				fmt.Fprintf(h, "%s %d %d\n", file, info.Size(), info.ModTime().UnixNano())
			}
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// read reads the records of one source.
func (s *Shelf) read(source string) ([]Advisory, error) {
	if isURL(source) {
		if data := s.copies[source]; data != nil {
			return unpack(data)
		}
		data, err := os.ReadFile(s.file(source))
		if err != nil {
			return nil, fmt.Errorf("%s was not fetched yet: %w", source, fs.ErrNotExist)
		}
		return unpack(data)
	}
	var all []Advisory
	var faults []error
	for _, file := range files(source) {
		records, err := readFile(file)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", file, err))
		}
		all = append(all, records...)
	}
	return all, errors.Join(faults...)
}

func readFile(name string) ([]Advisory, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxSource:
		return nil, errors.New("it is no file, or too large")
	}
	data, err := os.ReadFile(name) //nolint:gosec // the operator names it
	if err != nil {
		return nil, err
	}
	return unpack(data)
}

// files are the files of a source: itself, or those below it if it is a directory.
func files(name string) []string {
	info, err := os.Stat(name)
	if err != nil || !info.IsDir() {
		return []string{name}
	}
	var all []string
	_ = filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error { // what cannot be walked has no files
		if err == nil && !d.IsDir() && slices.Contains([]string{".json", ".jsonl", ".zip"}, strings.ToLower(filepath.Ext(path))) {
			all = append(all, path)
		}
		return nil
	})
	return all
}

// unpack reads records, or those of an archive.
func unpack(data []byte) ([]Advisory, error) {
	if !bytes.HasPrefix(data, []byte("PK\x03\x04")) {
		return Read(data)
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("reading the archive: %w", err)
	}
	var all []Advisory
	left := int64(maxUnpacked)
	for _, f := range archive.File {
		if !strings.HasSuffix(f.Name, ".json") {
			continue
		}
		text, err := member(f, left)
		if err != nil {
			return nil, fmt.Errorf("reading %s of the archive: %w", f.Name, err)
		}
		left -= int64(len(text))
		some, err := Read(text)
		if err != nil {
			return nil, fmt.Errorf("%s of the archive: %w", f.Name, err)
		}
		if all = append(all, some...); len(all) > maxRecords {
			return nil, fmt.Errorf("the archive has more than %d records", maxRecords)
		}
	}
	return all, nil
}

func member(f *zip.File, most int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(text)) > most {
		err = errors.New("it is too large")
	}
	return text, errors.Join(err, r.Close())
}

// fetch gets a new copy of a URL. One that cannot be read does not replace the last good one.
func (s *Shelf) fetch(ctx context.Context, source string) error {
	if s.tried == nil {
		s.tried = map[string]time.Time{}
	}
	s.tried[source] = time.Now()
	data, err := s.get(ctx, source)
	if err != nil {
		return err
	}
	if _, err := unpack(data); err != nil {
		return err
	}
	if s.Dir == "" {
		if s.copies == nil {
			s.copies = map[string][]byte{}
		}
		s.copies[source] = data
		return nil
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return fmt.Errorf("making the directory of advisories: %w", err)
	}
	f, err := os.CreateTemp(s.Dir, ".advisories-*")
	if err != nil {
		return fmt.Errorf("writing a copy of advisories: %w", err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // it is gone where all went well
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing a copy of advisories: %w", err)
	}
	return os.Rename(f.Name(), s.file(source))
}

func (s *Shelf) get(ctx context.Context, source string) ([]byte, error) {
	if u, err := url.Parse(source); err != nil || u.Scheme != "https" && !loopback(u.Hostname()) {
		return nil, errors.New("records are fetched over https only: whoever is on the way could take some out")
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, source, nil)
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", source, err)
	}
	client := &http.Client{Transport: s.Carrier, CheckRedirect: func(to *http.Request, via []*http.Request) error {
		if to.URL.Scheme != "https" && !loopback(to.URL.Hostname()) || len(via) > 5 {
			return errors.New("it leads elsewhere than to https")
		}
		return nil
	}}
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", source, answer.Status)
	}
	data, err := io.ReadAll(io.LimitReader(answer.Body, maxSource+1))
	if err == nil && len(data) > maxSource {
		err = errors.New("there are too many bytes")
	}
	return data, err
}

// file is where the copy of a URL lies.
func (s *Shelf) file(source string) string {
	sum := sha256.Sum256([]byte(source))
	return filepath.Join(s.Dir, hex.EncodeToString(sum[:16])+".osv")
}

func isURL(source string) bool { return strings.Contains(source, "://") }

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
