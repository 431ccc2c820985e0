package builtin

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// An index keeps the server's list of resources true to the folders.
type index struct {
	files  files
	server *mcp.Server
	log    *slog.Logger

	// mu guards what follows. It is held during a scan, so that scans do not
	// overlap and the server's list changes in their order.
	mu       sync.Mutex
	listed   map[string]found // by URI
	order    []place          // sorted by folder and path
	dirs     []string         // absolute, to be watched
	cut      bool             // the list is shorter than the folders
	scanned  time.Time        // when the last scan ended
	took     time.Duration    // how long it took
	audience context.Context  // of the latest subscriber, without its end; nil before the first
}

// refresh scans the folders and tells the server what has changed. It does
// nothing if the last scan has just ended: scanning takes a tenth of the time
// at most, whatever calls it. It returns the time until a scan is due again.
func (ix *index) refresh() time.Duration {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if wait := 10*ix.took - time.Since(ix.scanned); wait > 0 {
		return wait
	}
	start := time.Now()
	s := scanFiles(ix.files)
	if s.cut && !ix.cut {
		ix.log.Warn("file resources are listed in part", slog.Int("listed", len(s.files)),
			slog.Int("maxListed", maxListed), slog.Int("maxEntries", maxEntries))
	}
	ix.cut, ix.dirs = s.cut, s.dirs
	ix.update(s.files)
	ix.scanned = time.Now()
	ix.took = ix.scanned.Sub(start)
	return 0
}

// update makes the list that of the files found. The server sends
// list_changed by itself; updated is sent for the files that were listed
// before and have changed or gone. The caller holds mu.
func (ix *index) update(files []found) {
	before := ix.listed
	ix.listed = make(map[string]found, len(files))
	ix.order = ix.order[:0:0] // places may be in use, so a new array
	var changed, gone []string
	for _, file := range files {
		uri := file.at.uri()
		ix.listed[uri] = file
		ix.order = append(ix.order, file.at)
		if old, ok := before[uri]; !ok {
			ix.server.AddResource(ix.files.resource(file.at), ix.files.readResource)
		} else if old.stamp != file.stamp {
			changed = append(changed, uri)
		}
	}
	for uri := range before {
		if _, ok := ix.listed[uri]; !ok {
			gone = append(gone, uri)
		}
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		ix.server.RemoveResources(gone...)
	}
	ix.announce(append(changed, gone...))
}

// announce sends resources/updated. The server knows who has subscribed to
// which; before anyone has there is no one to tell. The caller holds mu.
func (ix *index) announce(uris []string) {
	if ix.audience == nil {
		return
	}
	for _, uri := range uris {
		if err := ix.server.ResourceUpdated(ix.audience, &mcp.ResourceUpdatedNotificationParams{URI: uri}); err != nil {
			ix.log.Warn("telling subscribers of a changed file failed", slog.String("uri", uri), slog.Any("error", err))
		}
	}
}

// places are the listed files, sorted. The slice must not be changed.
func (ix *index) places() []place {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.order
}

// watched are the directories of the last scan. The slice must not be changed.
func (ix *index) watched() []string {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.dirs
}

// subscribe accepts the files that are listed: these are watched.
func (ix *index) subscribe(ctx context.Context, req *mcp.SubscribeRequest) error {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if _, ok := ix.listed[req.Params.URI]; !ok {
		return mcp.ResourceNotFoundError(req.Params.URI)
	}
	ix.audience = context.WithoutCancel(ctx)
	return nil
}

func (ix *index) unsubscribe(context.Context, *mcp.UnsubscribeRequest) error { return nil }

// fresh is a middleware that looks at the folders before they are listed, so
// that a list is right also where the system tells nothing of changes.
func (ix *index) fresh(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		if method == "resources/list" {
			ix.refresh()
		}
		return next(ctx, method, req)
	}
}
