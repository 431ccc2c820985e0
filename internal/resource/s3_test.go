package resource

import (
	"bufio"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// A fakeS3 is a store of one bucket that speaks as much of the S3 protocol as is spoken to it. interop tests against servers that others wrote.
type fakeS3 struct {
	t         *testing.T
	bucket    string
	accessKey string

	mu      sync.Mutex
	objects map[string]fakeObject
	before  func(key string) // called before a PUT is decided, without mu; nil for nothing
	broken  bool
}

type fakeObject struct {
	content  []byte
	etag     string
	mimeType string
}

func newFakeS3(t *testing.T) (*fakeS3, string) {
	t.Helper()
	s := &fakeS3{t: t, bucket: "reports", accessKey: "AKIDTEST", objects: map[string]fakeObject{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

func (s *fakeS3) put(key, mimeType string, content []byte) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set(key, mimeType, content)
}

func (s *fakeS3) set(key, mimeType string, content []byte) string {
	sum := md5.Sum(content)
	etag := hex.EncodeToString(sum[:])
	s.objects[key] = fakeObject{content, etag, mimeType}
	return etag
}

func (s *fakeS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case s.broken:
		fail(w, http.StatusForbidden, "AccessDenied")
	case !strings.Contains(r.Header.Get("Authorization"), "Credential="+s.accessKey+"/"):
		fail(w, http.StatusForbidden, "InvalidAccessKeyId")
	case bucket != s.bucket:
		fail(w, http.StatusNotFound, "NoSuchBucket")
	case key == "" && r.Method == http.MethodGet:
		s.list(w, r)
	case r.Method == http.MethodPut:
		s.servePut(w, r, key)
	default:
		s.serveGet(w, r, key)
	}
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0"?><Error><Code>%s</Code><Message>%s</Message></Error>`, code, code)
}

func (s *fakeS3) serveGet(w http.ResponseWriter, r *http.Request, key string) {
	s.mu.Lock()
	o, ok := s.objects[key]
	s.mu.Unlock()
	if !ok {
		fail(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	w.Header().Set("ETag", `"`+o.etag+`"`)
	w.Header().Set("Last-Modified", time.Unix(1_700_000_000, 0).UTC().Format(http.TimeFormat))
	if strings.Trim(r.Header.Get("If-None-Match"), `"`) == o.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", o.mimeType)
	w.Header().Set("Content-Length", strconv.Itoa(len(o.content)))
	if r.Method == http.MethodGet {
		w.Write(o.content)
	}
}

func (s *fakeS3) servePut(w http.ResponseWriter, r *http.Request, key string) {
	var body io.Reader = r.Body
	if strings.HasPrefix(r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-") {
		body = unchunk(r.Body)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		s.t.Errorf("PUT %s: %v", key, err)
	}
	if s.before != nil {
		s.before(key)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.objects[key].etag
	if match := strings.Trim(r.Header.Get("If-Match"), `"`); match != "" && match != now || r.Header.Get("If-None-Match") == "*" && now != "" {
		fail(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	w.Header().Set("ETag", `"`+s.set(key, r.Header.Get("Content-Type"), content)+`"`)
}

// unchunk reads a body in the chunks of a streaming signature.
func unchunk(r io.Reader) io.Reader {
	from, to := bufio.NewReader(r), &strings.Builder{}
	for {
		line, err := from.ReadString('\n')
		if err != nil {
			return strings.NewReader(to.String())
		}
		size, _, _ := strings.Cut(strings.TrimSpace(line), ";")
		n, err := strconv.ParseInt(size, 16, 64)
		if err != nil || n == 0 {
			return strings.NewReader(to.String())
		}
		io.CopyN(to, from, n)
		from.ReadString('\n')
	}
}

func (s *fakeS3) list(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	type content struct {
		Key, ETag    string
		LastModified time.Time
		Size         int
	}
	out := struct {
		XMLName     xml.Name `xml:"ListBucketResult"`
		Name        string
		IsTruncated bool
		Contents    []content
	}{Name: s.bucket}
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		if strings.HasPrefix(key, r.URL.Query().Get("prefix")) {
			o := s.objects[key]
			out.Contents = append(out.Contents, content{key, `"` + o.etag + `"`, time.Unix(1_700_000_000, 0).UTC(), len(o.content)})
		}
	}
	w.Header().Set("Content-Type", "application/xml")
	xml.NewEncoder(w).Encode(out)
}

// openReports opens the objects of a fake store.
func openReports(t *testing.T, s *fakeS3, endpoint string, change func(*offer.Resource)) *Resources {
	t.Helper()
	c := offer.Resource{
		Name: "reports", Type: kindObject, URL: "s3://" + s.bucket + "/2026?endpoint=" + endpoint + "&region=eu-central-1",
		AccessKey: s.accessKey, SecretKey: "secret", Write: true, MaxBytes: 4096,
	}
	if change != nil {
		change(&c)
	}
	return open(t, Options{Resources: []offer.Resource{c}})
}

func TestS3(t *testing.T) {
	s, endpoint := newFakeS3(t)
	s.put("2026/a.md", "binary/octet-stream", []byte("# A"))
	s.put("2026/table", "text/csv", []byte("a,b"))
	s.put("2026/large", "text/plain", make([]byte, 4097))
	s.put("2025/old.md", "text/markdown", []byte("outside of the prefix"))
	s.put("2026/odd/../key", "text/plain", []byte("no key for a URI"))
	r := openReports(t, s, endpoint, nil)
	const at = "sumun://object/reports/"
	for key, mimeType := range map[string]string{"a.md": "text/markdown", "table": "text/csv"} {
		got := current(t, r, at+key)
		if got.mimeType != mimeType || got.etag == "" || got.kind != kindObject {
			t.Errorf("%s = %+v", key, got.state)
		}
		if again, err := r.read(t.Context(), at+key, got.etag); err != nil || !again.unchanged || again.revision != got.revision {
			t.Errorf("%s again: %+v, %v", key, again, err)
		}
	}
	for _, key := range []string{"no.md", "../2025/old.md", "%2e%2e/2025/old.md", "odd/../key", "large", "", "/a.md", "a.md?versionId=1"} {
		if got, err := r.read(t.Context(), at+key, ""); err == nil {
			t.Errorf("%s was read: %.40q", key, got.content)
		}
	}
	conflicts := race(t, r, at+"race.txt")
	t.Logf("%d conflicts", conflicts)
}

// TestS3WritersElsewhere writes while another program does, so that only the store's own condition can tell.
func TestS3WritersElsewhere(t *testing.T) {
	s, endpoint := newFakeS3(t)
	old := s.put("2026/a.md", "text/plain", []byte("old"))
	r := openReports(t, s, endpoint, nil)
	var theirs string
	s.before = func(key string) {
		s.before = nil
		theirs = s.put(key, "text/plain", []byte("theirs "+key))
	}
	uri := "sumun://object/reports/a.md"
	got := do(t, r, params(t, uri, "lost", map[string]any{"ifMatch": old}))
	if got.err == nil || got.err.Reason != mcp.Conflict || got.ETag != theirs {
		t.Errorf("%+v; want a conflict with %s", got, theirs)
	}
	s.before = func(key string) {
		s.before = nil
		theirs = s.put(key, "text/plain", []byte("theirs "+key))
	}
	if got = do(t, r, params(t, "sumun://object/reports/new.md", "lost", nil)); got.err == nil || got.ETag != theirs {
		t.Errorf("a new object: %+v; want a conflict with %s", got, theirs)
	}
	if now := current(t, r, uri); string(now.content) != "theirs 2026/a.md" {
		t.Errorf("the object is %q", now.content)
	}
	if got = do(t, r, `{"uri":"`+uri+`","content":"{}","ifMatch":"*","mimeType":"application/json"}`); got.err != nil || current(t, r, uri).mimeType != "application/json" {
		t.Errorf("any state: %+v", got)
	}
}

// TestS3Poll notices what others change, and lists it.
func TestS3Poll(t *testing.T) {
	s, endpoint := newFakeS3(t)
	s.put("2026/a.md", "text/plain", []byte("old"))
	r := openReports(t, s, endpoint, func(c *offer.Resource) { c.Poll = 50 * time.Millisecond })
	n, options := watching()
	session := connect(t, r, eras[0], options)
	const uri = "sumun://object/reports/a.md"
	waitForList(t, session, []string{uri})
	if err := session.Subscribe(t.Context(), &sdk.SubscribeParams{URI: uri}); err != nil {
		t.Fatal(err)
	}
	s.put("2026/a.md", "text/plain", []byte("new"))
	s.put("2026/b.md", "text/plain", []byte("B"))
	if got := wait(t, "resources/updated", n.updated); got != uri {
		t.Errorf("updated %s", got)
	}
	waitForList(t, session, []string{uri, "sumun://object/reports/b.md"})
	s.mu.Lock()
	delete(s.objects, "2026/b.md")
	s.mu.Unlock()
	waitForList(t, session, []string{uri})
}

// TestS3Faults holds that what a store says of itself is not told to callers.
func TestS3Faults(t *testing.T) {
	s, endpoint := newFakeS3(t)
	s.broken = true
	r := openReports(t, s, endpoint, nil)
	session := connect(t, r, eras[1], nil)
	_, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: "sumun://object/reports/a.md"})
	if err == nil || strings.Contains(err.Error(), "AccessDenied") || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("%v", err)
	}
	got := do(t, r, params(t, "sumun://object/reports/a.md", "x", nil))
	if got.err == nil || got.err.Reason != mcp.Upstream || strings.Contains(got.err.Message, "127.0.0.1") {
		t.Errorf("%+v", got.err)
	}
	r = openReports(t, s, endpoint, func(c *offer.Resource) { c.Write = false })
	if got = do(t, r, params(t, "sumun://object/reports/a.md", "x", nil)); got.err == nil || got.err.Reason != mcp.Forbidden {
		t.Errorf("read-only: %+v", got.err)
	}
	for _, url := range []string{"s3://reports?endpoint=127.0.0.1", "s3://reports?endpoint=ftp://x", "s3://reports?endpoint=http://127.0.0.1/path", "gs://reports"} {
		if r, err := New(t.Context(), Options{Resources: []offer.Resource{{Name: "x", Type: kindObject, URL: url}}}); err == nil {
			r.Close()
			t.Errorf("%s was opened", url)
		}
	}
}
