package resource

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/files"
)

const (
	// namedFile begins the URI of a file by the path that the tool file.read takes: sumun://file?path=notes/today.md.
	namedFile    = "sumun://file?"
	fileTemplate = "sumun://file{?path}"
	readName     = "file.read"
	writeName    = "file.write"
)

// errNoPath is the error of a file that was asked for by name, but without the one parameter that there is.
const errNoPath = refusal("the path is missing; give it, such as notes/today.md, and nothing else")

// scanHashBytes is how much is read of the files of one change to know their states. The others are known once somebody reads them.
const scanHashBytes = 32 << 20

// A fileSource offers the files of all resources of type file.
type fileSource struct {
	*files.Files

	all   *Resources
	index *files.Index // nil before they are offered
}

func (r *Resources) openFiles(of []offer.Resource) (func(), error) {
	var roots []files.Root
	for _, c := range of {
		roots = append(roots, files.Root{Name: c.Name, Dir: c.Root, Write: c.Write})
	}
	opened, err := files.Open(roots)
	if err != nil {
		return nil, err
	}
	s := &fileSource{Files: opened, all: r}
	r.sources = append(r.sources, s)
	return s.offer, nil
}

// offer adds the tools, the prompt, the templates and the files that are there to the server, and watches them from then on.
func (s *fileSource) offer() {
	server := s.all.server
	server.AddTool(s.readTool(), s.callRead)
	if s.Writable() {
		server.AddTool(s.writeTool(), s.callWrite)
	}
	server.AddPrompt(s.summarizePrompt(), s.getSummarize)
	for _, root := range s.Roots() {
		server.AddResourceTemplate(&mcp.ResourceTemplate{
			Name:        root,
			Title:       "Files of " + root,
			Description: "A file by its path, also one that the list is too short for",
			URITemplate: files.Template(root),
			Meta:        metaOf(kindFile, "", 0),
		}, s.all.serve)
	}
	server.AddResourceTemplate(&mcp.ResourceTemplate{
		Name:        readName,
		Title:       "Read a file",
		Description: "The text of a file as {content}, by the path that the tool of this name takes",
		MIMEType:    "application/json",
		URITemplate: fileTemplate,
		Meta:        metaOf(kindFile, "", 0),
	}, s.all.serve)
	server.AddReceivingMiddleware(s.fresh)
	s.index = files.NewIndex(s.Files, s.all.log, s.changed)
	s.all.wg.Go(func() { s.index.Watch(s.all.ctx.Done()) })
}

// fresh is a middleware that looks at the directories before they are listed, so that a list is right also where the system tells nothing
// of changes.
func (s *fileSource) fresh(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		if method == "resources/list" {
			s.index.Refresh()
		}
		return next(ctx, method, req)
	}
}

func (s *fileSource) kind() string { return kindFile }

func (s *fileSource) close() error { return s.Close() }

func (s *fileSource) resolve(uri string) (string, bool) {
	at, _, err := s.locate(uri)
	if err != nil {
		return "", false
	}
	return at.URI(), true
}

// locate finds the place of a URI, and whether it is asked for by name.
func (s *fileSource) locate(uri string) (at files.Place, named bool, err error) {
	if before, query, _ := strings.Cut(uri, "?"); before+"?" == namedFile {
		values, err := url.ParseQuery(query)
		if err != nil || len(values) != 1 || len(values["path"]) != 1 {
			return at, true, errNoPath
		}
		at, err = s.Locate(values.Get("path"))
		return at, true, err
	}
	at, ok := s.LocateURI(uri)
	if !ok {
		return at, false, errNotFound
	}
	return at, false, nil
}

// explain says what is wrong with a path that a file was asked for by.
func (s *fileSource) explain(uri string) error {
	_, named, err := s.locate(uri)
	if !named || err == nil || errors.Is(err, files.ErrNoFile) {
		return nil
	}
	return refusal(err.Error())
}

func (s *fileSource) read(_ context.Context, uri, _ string) (*state, error) {
	at, named, err := s.locate(uri)
	if err != nil {
		return nil, err
	}
	content, err := whole(at)
	if err != nil {
		return nil, fileError(err)
	}
	text := files.IsText(content)
	switch {
	case !named:
		return &state{etag: etagOf(content), mimeType: files.MIMEOf(at.Path(), text), content: content}, nil
	case !text:
		return nil, refusal(binary(at))
	}
	return objectState(fileText{Content: string(content)}, etagOf(content))
}

// whole is the whole file at a place.
func whole(at files.Place) ([]byte, error) {
	content, more, err := at.Read(files.MaxBytes)
	if err == nil && more {
		err = errTooLong
	}
	return content, err
}

// fileError is the error of a file for the caller: the words of package files are made for that.
func fileError(err error) error {
	if errors.Is(err, files.ErrNoFile) || errors.Is(err, files.ErrNotFile) {
		return errNotFound
	}
	return refusal(err.Error())
}

// write makes a change of a file. The type of a file is that of its name, so the one that the writer says changes nothing.
func (s *fileSource) write(_ context.Context, name string, c *change) (string, error) {
	at, ok := s.LocateURI(name)
	if !ok {
		return "", errNotFound
	}
	return replace(s.Files, at, c)
}

// replace makes a change of a file.
func replace(all *files.Files, at files.Place, c *change) (string, error) {
	var refused error
	err := all.Replace(at, c.content, func(now []byte) error {
		etag := ""
		if now != nil {
			etag = etagOf(now)
		}
		refused = c.allow(etag)
		return refused
	})
	switch {
	case refused != nil:
		return "", refused
	case errors.Is(err, files.ErrReadOnly):
		return "", errReadOnly
	case err != nil:
		return "", refusal(err.Error())
	}
	return etagOf(c.content), nil
}

// wrote lists the new state of a file. A new file is listed by a scan, which knows whether the list has room for it.
func (s *fileSource) wrote(w *written) {
	at, ok := s.LocateURI(w.name)
	if !ok {
		return
	}
	if !s.index.Lists(at) {
		s.index.Refresh() // if one has just ended, the watcher comes
		return
	}
	entry := files.Entry{Place: at, Stamp: files.Stamp{Size: w.size}}
	s.all.shelf.Put(s.resource(entry, w.etag, w.revision), true)
}

// tells reports whether changes of a file are noticed: it must be listed.
func (s *fileSource) tells(name string) bool {
	at, ok := s.LocateURI(name)
	return ok && s.index.Lists(at)
}

// resource is the listed form of a file in a state, which is not known without an etag.
func (s *fileSource) resource(file files.Entry, etag string, revision int64) *mcp.Resource {
	return &mcp.Resource{
		URI:      file.URI(),
		Name:     s.Label(file.Place),
		MIMEType: files.MIMEByExtension(file.Path()),
		Size:     file.Size,
		Meta:     metaOf(kindFile, etag, revision),
	}
}

// changed makes the server's list that of the files that are there, and tells what has changed. Small files are read for that.
func (s *fileSource) changed(c files.Change) {
	budget := int64(scanHashBytes)
	for _, file := range c.Added {
		s.list(file, &budget, false)
	}
	for _, file := range c.Changed {
		s.list(file, &budget, true)
	}
	var gone []string
	for _, file := range c.Gone {
		uri := file.URI()
		gone = append(gone, uri)
		if revision, known := s.all.ledger.See(uri, ""); known || revision == 0 {
			s.all.announce(uri, "", revision)
		}
	}
	if len(gone) > 0 {
		s.all.shelf.Drop(gone...)
	}
}

// list lists a file that is new or in a new state.
func (s *fileSource) list(file files.Entry, budget *int64, changed bool) {
	uri := file.URI()
	if file.Size > files.MaxBytes || file.Size > *budget {
		s.all.shelf.Put(s.resource(file, "", 0), false)
		if changed {
			revision, _ := s.all.ledger.See(uri, unknownState(file))
			s.all.announce(uri, "", revision)
		}
		return
	}
	*budget -= file.Size
	if got, err := s.all.read(s.all.ctx, uri, ""); err == nil {
		file.Size = int64(len(got.content))
		s.all.shelf.Put(s.resource(file, got.etag, got.revision), false)
		return
	}
	s.all.shelf.Put(s.resource(file, "", 0), false)
}

// unknownState stands for the etag of a file that nobody has read.
func unknownState(file files.Entry) string {
	return "unread " + file.Modified.String()
}
