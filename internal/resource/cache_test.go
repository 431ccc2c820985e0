package resource

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sumun-mcp/sumun/internal/config/offer"
)

// TestCacheExpires lets time pass: an entry stays for its ttl after it was written, and then is gone for whoever reads, lists or follows.
func TestCacheExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var gone sync.Map
		r, err := New(t.Context(), Options{
			Resources: []offer.Resource{{Name: "notes", Type: kindCache, Write: true, TTL: time.Hour}},
			Updated:   func(uri, etag string, _ int64) { gone.Store(uri, etag == "") },
		})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		first := do(t, r, params(t, "cache://notes/a", "one", nil))
		time.Sleep(59 * time.Minute)
		if got := current(t, r, "cache://notes/a"); string(got.content) != "one" || got.mimeType != "text/plain" {
			t.Errorf("after 59 minutes: %+v", got.state)
		}
		time.Sleep(61 * time.Second)
		if _, err := r.read(t.Context(), "cache://notes/a", ""); err == nil {
			t.Error("after an hour it is still there")
		}
		again := do(t, r, params(t, "cache://notes/a", "two", nil))
		if again.err != nil || again.Revision <= first.Revision {
			t.Errorf("written again: %+v after %+v", again, first)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if last, _ := gone.Load("cache://notes/a"); last != true {
			t.Error("that it is gone was not told")
		}
	})
}

// TestCacheIsBounded writes more than there is room for: what was not used for the longest time goes.
func TestCacheIsBounded(t *testing.T) {
	r := open(t, Options{Resources: []offer.Resource{
		{Name: "few", Type: kindCache, Write: true, Entries: 3},
		{Name: "small", Type: kindCache, Write: true, Bytes: 100},
	}})
	has := func(uri string) bool {
		_, err := r.read(t.Context(), uri, "")
		return err == nil
	}
	for i := range 3 {
		do(t, r, params(t, fmt.Sprintf("cache://few/%d", i), "x", nil))
	}
	current(t, r, "cache://few/0")
	do(t, r, params(t, "cache://few/3", "x", nil))
	for key, want := range map[string]bool{"0": true, "1": false, "2": true, "3": true} {
		if got := has("cache://few/" + key); got != want {
			t.Errorf("few/%s is there: %v, want %v", key, got, want)
		}
	}
	for i := range 3 {
		do(t, r, params(t, fmt.Sprintf("cache://small/%d", i), strings.Repeat("x", 40), nil))
	}
	do(t, r, params(t, "cache://small/large", strings.Repeat("x", 100), nil))
	for key, want := range map[string]bool{"0": false, "1": false, "2": false, "large": true} {
		if got := has("cache://small/" + key); got != want {
			t.Errorf("small/%s is there: %v, want %v", key, got, want)
		}
	}
	if got := do(t, r, params(t, "cache://small/larger", strings.Repeat("x", 101), nil)); got.err == nil {
		t.Error("more than all the room was taken")
	}
	var listed []string
	session := connect(t, r, eras[1], nil)
	listed = listURIs(t, session)
	want := "cache://few/0 cache://few/2 cache://few/3 cache://small/large"
	if got := strings.Join(listed, " "); got != want {
		t.Errorf("listed %s, want %s", got, want)
	}
}
