package resource

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"
)

// The types of resources, as the configuration and _meta name them.
const (
	kindFile     = "file"
	kindDatabase = "database"
	kindWeb      = "web"
	kindCache    = "cache"
	kindObject   = "object"
)

// A source is where resources of one sort come from. Its methods may be called concurrently.
type source interface {
	kind() string
	// resolve returns the name of the resource that a URI means, if it is one of this source in its only spelling. Several URIs, for
	// example one with parameters, may mean the same resource; its name is the one that is listed and told when it changes.
	resolve(uri string) (name string, ok bool)
	// read returns the state of the resource that a URI means, which resolve has accepted. When its etag is known, content may be missing.
	read(ctx context.Context, uri, known string) (*state, error)
	close() error
}

// A writer is a source that can be written.
type writer interface {
	// write makes a change of the resource of that name, or an error and none. Between what it tells change.allow and what it does,
	// nothing comes that it could prevent.
	write(ctx context.Context, name string, c *change) (etag string, err error)
}

// A lister wants to know of the changes that it has made, once its resource is free again.
type lister interface{ wrote(w *written) }

// A polled source cannot tell when its resources change.
type polled interface{ every() time.Duration }

// A limited source tells changes of some of its resources only.
type limited interface{ tells(name string) bool }

// An explainer tells why a URI that looks like one of its own is none; nil where there is nothing to tell.
type explainer interface{ explain(uri string) error }

// A state is what a resource is at one time.
type state struct {
	etag      string
	mimeType  string
	content   []byte
	object    bool // content is a JSON object that answers a question
	unchanged bool // the etag is the one that was known, and content is missing
}

// A change is what is to be written.
type change struct {
	content  []byte
	mimeType string // empty where the writer did not say
	// allow is asked with the etag of what is there, empty without anything. Its error is what write returns.
	allow func(now string) error
}

// errNotFound says that there is no such resource, or none that may be seen.
var errNotFound = errors.New("there is no such resource")

// A refusal is an error in the caller's words: what is wrong with what was asked, and what to try.
type refusal string

// Error returns the words.
func (r refusal) Error() string { return string(r) }

// Told returns the words.
func (r refusal) Told() string { return string(r) }

// told returns the words of an error that has some for the caller: a refusal of ours or of a room below.
func told(err error) (words string, ok bool) {
	if e, ok := errors.AsType[interface {
		error
		Told() string
	}](err); ok {
		return e.Told(), true
	}
	return "", false
}

// errReadOnly says that the configuration does not allow changes.
const errReadOnly = refusal("this resource is read-only; its owner can allow changes with write: true")

// etagOf is the strong etag of a content: equal for equal bytes only.
func etagOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:16])
}
