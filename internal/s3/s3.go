// Package s3 reads and writes the objects of a store that speaks the protocol of Amazon S3, on condition of their etags.
package s3

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/sumun-mcp/sumun/internal/dial"
)

const (
	defaultRegion = "us-east-1"
	// putTries is how often a write is tried whose condition any state meets, while others write too.
	putTries = 5
)

// Options says which objects a Store has.
type Options struct {
	// URL is s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION; without an endpoint the store is Amazon's.
	URL string
	// AccessKey and SecretKey are the credentials; without them what everybody may read is read.
	AccessKey, SecretKey string
	// MaxBytes is how large an object may be that is read. It must be set.
	MaxBytes int
}

// A Store has the objects below one prefix of one bucket. Writes carry their condition (If-Match, If-None-Match), so that they hold also
// against writers past this process, where the store knows conditions. It may be used concurrently, and must be closed.
type Store struct {
	client   *minio.Client
	dialer   *dial.Dialer
	bucket   string
	prefix   string // empty, or with a slash at its end
	maxBytes int
}

// An Object is an object that was read.
type Object struct {
	// Content is missing if Unchanged.
	Content []byte
	// ETag is the store's, without quotes.
	ETag string
	// Type is its media type as the store tells it.
	Type string
	// Unchanged says that the etag is the one that was known.
	Unchanged bool
}

// An Entry is an object in a list.
type Entry struct {
	// Key is that below the prefix.
	Key, ETag string
	Size      int64
}

// ErrNotFound says that there is no object of that key.
var ErrNotFound = errors.New("there is no such object")

// A Refusal is an error in the caller's words.
type Refusal string //nolint:errname // a RefusalError would say less

// Error returns the words.
func (r Refusal) Error() string { return string(r) }

// Told returns the words: what may be told to whoever asked.
func (r Refusal) Told() string { return string(r) }

// Open makes the client of a store. It connects to the endpoint that the URL names, and to nothing else; not before it is used.
func Open(o Options) (*Store, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "s3" || u.Host == "" {
		return nil, errors.New("the URL names no store; write s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION")
	}
	region := cmp.Or(u.Query().Get("region"), defaultRegion)
	endpoint, err := url.Parse(cmp.Or(u.Query().Get("endpoint"), "https://s3."+region+".amazonaws.com"))
	if err != nil || endpoint.Host == "" || endpoint.Scheme != "http" && endpoint.Scheme != "https" || strings.Trim(endpoint.Path, "/") != "" {
		return nil, errors.New("the endpoint is not an address; write endpoint=https://HOST or endpoint=http://HOST:PORT")
	}
	named := []string{endpoint.Host}
	hosts := named
	if strings.HasSuffix(endpoint.Host, ".amazonaws.com") {
		hosts = append(hosts, "*."+endpoint.Host) // where buckets are names below it
	}
	dialer, err := dial.New(dial.Policy{Hosts: hosts, Private: named, Redirects: -1})
	if err != nil {
		return nil, err
	}
	client, err := minio.New(endpoint.Host, &minio.Options{
		Creds: credentials.NewStaticV4(o.AccessKey, o.SecretKey, ""), Secure: endpoint.Scheme == "https", Region: region, Transport: dialer,
		MaxRetries: 2,
	})
	if err != nil {
		return nil, err
	}
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		prefix += "/"
	}
	return &Store{client: client, dialer: dialer, bucket: u.Host, prefix: prefix, maxBytes: o.MaxBytes}, nil
}

// Close ends idle connections.
func (s *Store) Close() error {
	s.dialer.Close()
	return nil
}

// Get reads an object; without its content if its etag is known. An error that wraps a Refusal may be told to whoever asked.
func (s *Store) Get(ctx context.Context, key, known string) (*Object, error) {
	var o minio.GetObjectOptions
	if known != "" {
		// A quote would make several etags of one, and whichever the store has would be told as all of them.
		if err := o.SetMatchETagExcept(known); err != nil || strings.ContainsRune(known, '"') {
			return nil, Refusal("this is not an etag of the store; leave ifNoneMatch out")
		}
	}
	body, info, _, err := minio.Core{Client: s.client}.GetObject(ctx, s.bucket, s.prefix+key, o)
	if status(err) == http.StatusNotModified {
		return &Object{ETag: known, Unchanged: true}, nil
	}
	if err != nil {
		return nil, storeError(err)
	}
	defer func() { _ = body.Close() }() // only read
	content, err := dial.Read(body, int64(s.maxBytes))
	if errors.Is(err, dial.ErrTooLarge) {
		return nil, Refusal(fmt.Sprintf("the object has %d bytes; at most %d are handed out here", info.Size, s.maxBytes))
	}
	if err != nil {
		return nil, err
	}
	return &Object{Content: content, ETag: info.ETag, Type: info.ContentType}, nil
}

// A Change is an object that is to be written.
type Change struct {
	Content []byte
	// Type is its media type.
	Type string
	// Allow is asked with the etag of what is there, empty without anything; its error is returned and nothing is written. It is asked
	// again when somebody else was faster.
	Allow func(now string) error
}

// Put writes an object in the state that was allowed, and returns its etag.
func (s *Store) Put(ctx context.Context, key string, c *Change) (string, error) {
	for range putTries {
		now, err := s.stat(ctx, key)
		if err != nil {
			return "", err
		}
		if err := c.Allow(now); err != nil {
			return "", err
		}
		etag, err := s.putIf(ctx, key, now, c)
		switch status(err) {
		case http.StatusPreconditionFailed, http.StatusConflict: // somebody past this process was faster
			continue
		}
		return etag, err
	}
	return "", Refusal("others write this object all the time; try again")
}

// stat returns the etag of an object, empty without one.
func (s *Store) stat(ctx context.Context, key string) (string, error) {
	info, err := s.client.StatObject(ctx, s.bucket, s.prefix+key, minio.StatObjectOptions{})
	if err = storeError(err); errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return info.ETag, err
}

// putIf writes an object if it is in the state of that etag, or not there without one.
func (s *Store) putIf(ctx context.Context, key, now string, c *Change) (string, error) {
	o := minio.PutObjectOptions{
		ContentType: c.Type, DisableMultipart: true, SendContentMd5: true,
	}
	if now == "" {
		o.SetMatchETagExcept("*")
	} else {
		o.SetMatchETag(now)
	}
	info, err := s.client.PutObject(ctx, s.bucket, s.prefix+key, bytes.NewReader(c.Content), int64(len(c.Content)), o)
	return info.ETag, err
}

// List returns the first objects, at most so many, sorted by their keys.
func (s *Store) List(ctx context.Context, most int) ([]Entry, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // also ends a list that is longer than wanted
	var all []Entry
	for info := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: s.prefix, Recursive: true, MaxKeys: most}) {
		if info.Err != nil {
			return nil, info.Err
		}
		if all = append(all, Entry{strings.TrimPrefix(info.Key, s.prefix), info.ETag, info.Size}); len(all) == most {
			break
		}
	}
	return all, nil
}

// status is the HTTP status of a store's error, 0 without one.
func status(err error) int {
	if told, ok := errors.AsType[minio.ErrorResponse](err); ok {
		return told.StatusCode
	}
	return 0
}

// storeError tells that an object is not there from everything else. A bucket that is not there is a fault of the configuration.
func storeError(err error) error {
	if told, ok := errors.AsType[minio.ErrorResponse](err); ok && told.StatusCode == http.StatusNotFound && told.Code != minio.NoSuchBucket {
		return ErrNotFound
	}
	return err
}
