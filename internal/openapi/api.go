package openapi

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/declared"
	"github.com/sumun-mcp/sumun/internal/dial"
)

// An api is a document that is looked at again and again, and the tools that it makes. Its own goroutine uses it, after New.
type api struct {
	*offer.API

	owner   string
	dialer  *dial.Dialer      // to the document; nil for a file
	service *dial.Dialer      // to the service
	host    string            // of the service, which service was made for
	digest  [sha256.Size]byte // of the document whose tools are offered; zero for none
	file    fs.FileInfo       // of that document, if it is a file
	tools   []string          // their names
}

// How often documents are looked at.
const (
	fileEvery  = 5 * time.Second
	webEvery   = 10 * time.Minute
	firstRetry = time.Second
	fetchLimit = time.Minute
)

// isWeb reports whether the document is at a URL.
func (a *api) isWeb() bool { return strings.Contains(a.OpenAPI, "://") }

// addAPI offers the operations of an API, and goes on looking at its document until ctx ends.
func (x *OpenAPI) addAPI(ctx context.Context, c *offer.API) error {
	a := &api{API: c, owner: "apis." + c.Name}
	every, retry := fileEvery, fileEvery
	if a.isWeb() {
		u, err := url.Parse(a.OpenAPI)
		if err != nil {
			return fmt.Errorf("%s.openapi: %w", a.owner, err)
		}
		if a.dialer, err = x.dialer((&endpoint{base: u}).policy(a.Private, true)); err != nil {
			return fmt.Errorf("%s.openapi: %w", a.owner, err)
		}
		every, retry = webEvery, firstRetry
	} else if err := x.load(ctx, a); err != nil {
		return fmt.Errorf("%s: %w", a.owner, err)
	}
	x.wg.Go(func() { x.watch(ctx, a, every, retry) })
	return nil
}

// watch looks at the document of an API until ctx ends. One that cannot be read is tried again, at a URL soon at first; what was read
// before stays.
func (x *OpenAPI) watch(ctx context.Context, a *api, every, retry time.Duration) {
	next, said := every, ""
	if a.tools == nil {
		next = 0
	}
	timer := time.NewTimer(next)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		err := x.load(ctx, a)
		if next = every; err != nil {
			next, retry = retry, min(2*retry, every)
			if err.Error() != said && ctx.Err() == nil {
				x.log.WarnContext(ctx, "an OpenAPI document cannot be used; what was read before stays",
					slog.String("api", a.Name), slog.String("document", a.OpenAPI), slog.Any("error", err))
			}
			said = err.Error()
		} else {
			said = ""
		}
		timer.Reset(next)
	}
}

// load reads the document of an API, and offers what is in it if it is another than before.
func (x *OpenAPI) load(ctx context.Context, a *api) error {
	data, file, err := a.read(ctx)
	if err != nil || data == nil {
		return err
	}
	a.file = file
	digest := sha256.Sum256(data)
	if digest == a.digest {
		return nil
	}
	s, err := parseSpec(a.OpenAPI, data)
	if err != nil {
		return err
	}
	tools, err := x.build(s, a)
	if err != nil {
		return fmt.Errorf("%s: %w", a.OpenAPI, err)
	}
	x.offer(ctx, a, tools)
	a.digest = digest
	return nil
}

// read returns the document, or nothing if it is a file that cannot have changed.
func (a *api) read(ctx context.Context) ([]byte, fs.FileInfo, error) {
	if a.isWeb() {
		data, err := a.fetch(ctx)
		return data, nil, err
	}
	f, err := os.Open(a.OpenAPI)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	// A file that was just written may be written again within the precision of its time.
	if a.file != nil && info.ModTime().Equal(a.file.ModTime()) && info.Size() == a.file.Size() && time.Since(info.ModTime()) > 2*fileEvery {
		return nil, nil, nil
	}
	data, err := bounded(f)
	return data, info, err
}

// fetch returns the document at a URL.
func (a *api) fetch(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchLimit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.OpenAPI, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := a.dialer.Client().Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", r.URL.Host, resp.Status)
	}
	return bounded(resp.Body)
}

func bounded(r io.Reader) ([]byte, error) {
	data, err := dial.Read(r, maxDocument)
	if errors.Is(err, dial.ErrTooLarge) {
		err = fmt.Errorf("the document is %w: more than %d MiB", dial.ErrTooLarge, maxDocument>>20)
	}
	return data, err
}

// build returns the tools of a document. An operation that cannot be one is left out, and said to be.
func (x *OpenAPI) build(s *spec, a *api) ([]*declared.Tool, error) {
	base, err := s.base(a.URL, a.OpenAPI)
	if err != nil {
		return nil, err
	}
	operations, err := s.operations()
	if err != nil {
		return nil, err
	}
	var tools []*declared.Tool
	for i := range operations {
		o := &operations[i]
		if !o.wanted(a.Operations) {
			continue
		}
		tool, e, err := s.tool(o, a.API, base)
		if err == nil {
			err = x.connect(a, e)
		}
		if err != nil {
			x.log.Warn("an operation is not offered", slog.String("api", a.Name), slog.String("operation", o.method+" "+o.path), slog.Any("error", err))
			continue
		}
		tools = append(tools, tool)
	}
	if len(tools) == 0 {
		return nil, errors.New("there is no operation to offer; look at operations, and at the log")
	}
	return tools, nil
}

// connect gives an endpoint its dialer: one for all operations of a service.
func (x *OpenAPI) connect(a *api, e *endpoint) error {
	if host := e.base.Scheme + "://" + e.base.Host; a.service == nil || a.host != host {
		d, err := x.dialer(e.policy(a.Private, a.URL != "" || a.isWeb())) // of a document from the web it is the document's own
		if err != nil {
			return err
		}
		a.service, a.host = d, host
	}
	e.dialer, e.agent = a.service, x.agent
	return nil
}

// offer offers the tools of an API in place of those before.
func (x *OpenAPI) offer(ctx context.Context, a *api, tools []*declared.Tool) {
	gone := map[string]bool{}
	for _, name := range a.tools {
		gone[name] = true
	}
	var names []string
	for _, t := range tools {
		name := t.About.Name
		if !gone[name] {
			if err := x.claim(name, a.owner); err != nil {
				x.log.WarnContext(ctx, "an operation is not offered", slog.Any("error", err))
				continue
			}
		}
		if err := declared.Add(x.server, t); err != nil {
			x.log.WarnContext(ctx, "an operation is not offered", slog.Any("error", err))
			gone[name] = true
			continue
		}
		delete(gone, name)
		names = append(names, name)
	}
	var left []string
	for name := range gone {
		left = append(left, name)
	}
	x.disclaim(left)
	a.tools = names
}
