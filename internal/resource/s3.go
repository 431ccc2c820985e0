package resource

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

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/dial"
	"github.com/sumun-mcp/sumun/internal/files"
)

const (
	defaultRegion = "us-east-1"
	// putTries is how often a write is tried whose condition any state meets, while others write too.
	putTries = 5
)

// s3 is a bucket of a store that speaks the protocol of Amazon S3. Writes carry their condition (If-Match, If-None-Match), so that they hold
// also against writers past this process, where the store knows conditions.
type s3 struct {
	client   *minio.Client
	dialer   *dial.Dialer
	bucket   string
	prefix   string // empty, or with a slash at its end
	maxBytes int
}

// openS3 makes the client of the store at s3://BUCKET/PREFIX?endpoint=…&region=…. It connects to the endpoint that the configuration names,
// and to nothing else.
func openS3(c config.Resource, u *url.URL, maxBytes int) (bucket, error) {
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
		Creds: credentials.NewStaticV4(c.AccessKey, c.SecretKey, ""), Secure: endpoint.Scheme == "https", Region: region, Transport: dialer,
		MaxRetries: 2,
	})
	if err != nil {
		return nil, err
	}
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		prefix += "/"
	}
	return &s3{client: client, dialer: dialer, bucket: u.Host, prefix: prefix, maxBytes: maxBytes}, nil
}

func (s *s3) close() error {
	s.dialer.Close()
	return nil
}

func (s *s3) get(ctx context.Context, key, known string) (*state, error) {
	var o minio.GetObjectOptions
	if known != "" {
		if err := o.SetMatchETagExcept(known); err != nil {
			return nil, refusal("this is not an etag of the store; leave ifNoneMatch out")
		}
	}
	body, info, _, err := minio.Core{Client: s.client}.GetObject(ctx, s.bucket, s.prefix+key, o)
	if status(err) == http.StatusNotModified {
		return &state{etag: known, unchanged: true}, nil
	}
	if err != nil {
		return nil, storeError(err)
	}
	defer func() { _ = body.Close() }() // only read
	content, err := dial.Read(body, int64(s.maxBytes))
	if errors.Is(err, dial.ErrTooLarge) {
		return nil, refusal(fmt.Sprintf("the object has %d bytes; at most %d are handed out here", info.Size, s.maxBytes))
	}
	if err != nil {
		return nil, err
	}
	return &state{etag: info.ETag, mimeType: s3Type(info.ContentType, key, content), content: content}, nil
}

// s3Type is the type of an object: the store's word, unless it is the one that stores give to everything.
func s3Type(told, key string, content []byte) string {
	if told == "" || told == "application/octet-stream" || told == "binary/octet-stream" {
		return files.MIMEOf(key, files.IsText(content))
	}
	return told
}

func (s *s3) put(ctx context.Context, key string, c *change) (string, error) {
	for range putTries {
		now, err := s.stat(ctx, key)
		if err != nil {
			return "", err
		}
		if err := c.allow(now); err != nil {
			return "", err
		}
		etag, err := s.putIf(ctx, key, now, c)
		switch status(err) {
		case http.StatusPreconditionFailed, http.StatusConflict: // somebody past this process was faster
			continue
		}
		return etag, err
	}
	return "", refusal("others write this object all the time; try again")
}

// stat returns the etag of an object, empty without one.
func (s *s3) stat(ctx context.Context, key string) (string, error) {
	info, err := s.client.StatObject(ctx, s.bucket, s.prefix+key, minio.StatObjectOptions{})
	if err = storeError(err); errors.Is(err, errNotFound) {
		return "", nil
	}
	return info.ETag, err
}

// putIf writes an object if it is in the state of that etag, or not there without one.
func (s *s3) putIf(ctx context.Context, key, now string, c *change) (string, error) {
	o := minio.PutObjectOptions{
		ContentType: cmp.Or(c.mimeType, files.MIMEOf(key, files.IsText(c.content))), DisableMultipart: true, SendContentMd5: true,
	}
	if now == "" {
		o.SetMatchETagExcept("*")
	} else {
		o.SetMatchETag(now)
	}
	info, err := s.client.PutObject(ctx, s.bucket, s.prefix+key, bytes.NewReader(c.content), int64(len(c.content)), o)
	return info.ETag, err
}

func (s *s3) list(ctx context.Context) ([]object, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // also ends a list that is longer than wanted
	var all []object
	for info := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{Prefix: s.prefix, Recursive: true, MaxKeys: maxObjects}) {
		if info.Err != nil {
			return nil, info.Err
		}
		if all = append(all, object{strings.TrimPrefix(info.Key, s.prefix), info.ETag, info.Size}); len(all) == maxObjects {
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
		return errNotFound
	}
	return err
}
