package shelf_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/shelf"
)

// TestShelf lists what comes and goes at once, own changes too, and other states after a while.
func TestShelf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := mcp.NewServer(&mcp.Implementation{Name: "s", Version: "1"}, nil)
		here, there := mcp.NewInMemoryTransports()
		serving, err := server.Connect(t.Context(), there, nil)
		if err != nil {
			t.Fatal(err)
		}
		session, err := mcp.NewClient(&mcp.Implementation{Name: "c", Version: "1"}, nil).Connect(t.Context(), here, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := shelf.New(server, func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) { return nil, nil })
		ctx, stop := context.WithCancel(t.Context())
		go s.Run(ctx)
		lists := func(want int64) {
			t.Helper()
			synctest.Wait()
			got, err := session.ListResources(t.Context(), nil)
			switch {
			case err != nil:
				t.Fatal(err)
			case want < 0 && len(got.Resources) != 0, want >= 0 && (len(got.Resources) != 1 || got.Resources[0].Size != want):
				t.Errorf("it lists %d resources, want one of size %d", len(got.Resources), want)
			}
		}
		put := func(size int64, now bool) { s.Put(&mcp.Resource{URI: "test://a", Name: "a", Size: size}, now) }
		time.Sleep(time.Minute)
		put(1, false)
		lists(1)
		put(2, false)
		lists(1)
		time.Sleep(2 * time.Second)
		lists(2)
		put(3, false)
		time.Sleep(2 * time.Second)
		lists(2)
		put(4, true)
		lists(4)
		time.Sleep(10 * time.Second)
		lists(4)
		s.Drop("test://a")
		lists(-1)
		stop()
		session.Close()
		serving.Wait()
		synctest.Wait()
	})
}
