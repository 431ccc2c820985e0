package resource

import (
	"cmp"
	"context"
	"errors"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/files"
	"github.com/sumun-mcp/sumun/internal/s3"
)

// A directory is a bucket whose objects are files.
type directory struct{ *files.Files }

func openDirectory(c offer.Resource, dir string) (bucket, error) {
	opened, err := files.Open([]files.Root{{Name: c.Name, Dir: dir, Write: c.Write}})
	if err != nil {
		return nil, err
	}
	return directory{opened}, nil
}

func (d directory) close() error { return d.Close() }

func (d directory) get(_ context.Context, key, _ string) (*state, error) {
	at, err := d.Locate(key)
	if err != nil {
		return nil, errNotFound
	}
	content, err := whole(at)
	if err != nil {
		return nil, fileError(err)
	}
	return &state{etag: etagOf(content), mimeType: files.MIMEOf(key, files.IsText(content)), content: content}, nil
}

func (d directory) put(_ context.Context, key string, c *change) (string, error) {
	at, err := d.Locate(key)
	if err != nil {
		return "", refusal(err.Error())
	}
	return replace(d.Files, at, c)
}

func (d directory) list(context.Context) ([]object, error) {
	budget := int64(scanHashBytes)
	var all []object
	for _, file := range d.List() {
		o := object{key: file.Path(), size: file.Size}
		if file.Size <= min(budget, files.MaxBytes) {
			budget -= file.Size
			if content, err := whole(file.Place); err == nil {
				o.etag = etagOf(content)
			}
		}
		all = append(all, o)
	}
	return all, nil
}

// A store is a bucket whose objects are at an S3 store.
type store struct{ *s3.Store }

func (s store) close() error { return s.Close() }

func (s store) get(ctx context.Context, key, known string) (*state, error) {
	o, err := s.Get(ctx, key, known)
	switch {
	case errors.Is(err, s3.ErrNotFound):
		return nil, errNotFound
	case err != nil:
		return nil, err
	}
	mimeType := o.Type
	if mimeType == "" || mimeType == "application/octet-stream" || mimeType == "binary/octet-stream" { // what stores give to everything
		mimeType = files.MIMEOf(key, files.IsText(o.Content))
	}
	return &state{etag: o.ETag, mimeType: mimeType, content: o.Content, unchanged: o.Unchanged}, nil
}

func (s store) put(ctx context.Context, key string, c *change) (string, error) {
	mimeType := cmp.Or(c.mimeType, files.MIMEOf(key, files.IsText(c.content)))
	return s.Put(ctx, key, &s3.Change{Content: c.content, Type: mimeType, Allow: c.allow})
}

func (s store) list(ctx context.Context) ([]object, error) {
	found, err := s.List(ctx, maxObjects)
	all := make([]object, 0, len(found))
	for _, e := range found {
		all = append(all, object{e.Key, e.ETag, e.Size})
	}
	return all, err
}
