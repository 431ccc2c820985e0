package answers_test

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/answers"
	"github.com/sumun-mcp/sumun/internal/check"
	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/inspect"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// nobody is a client that heeds nothing.
type nobody struct{}

func (nobody) Notify(context.Context, *wire.Message) error               { return nil }
func (nobody) Ask(context.Context, []mcp.Question) ([]mcp.Answer, error) { return nil, nil }
func (nobody) Done(context.Context, *mcp.Result) error                   { return nil }

// BenchmarkMiddleware has harmless answers pass. Besides the time it tells the processor's, since others may want it too.
func BenchmarkMiddleware(b *testing.B) {
	for name, unit := range map[string]string{
		"prose": "The pear harvest in the valley begins in August. Growers pick by hand, sort by size, and store what is not sold at two degrees. " +
			"In 2024 the yield was 41,300 tonnes, 3 % more than in the year before; prices fell a little. See the annex for tables by region and by variety. ",
		"json": `{\"id\": 1734, \"name\": \"pear\", \"price\": 3.20, \"currency\": \"EUR\", \"tags\": [\"fruit\", \"ripe\"], \"created_at\": \"2025-03-01T12:00:00Z\"}, `,
		"code": `func (w *walker) icon() bool { return w.below(\"icons\") }\n\n// kind returns what a text is.\nfunc (w *walker) kind(of Kind) Kind {\n\treturn of\n}\n`,
	} {
		for label, size := range map[string]int{"256 bytes": 256, "2 KB": 2 << 10, "1 MiB": 1 << 20} {
			text := strings.Repeat(unit, size/len(unit)+1)[:size-60]
			pass(b, name+", "+label, `{"content":[{"type":"text","text":"`+strings.TrimRight(text, `\`)+`"}],"isError":false}`)
		}
	}
	pass(b, "image, 1 MiB", `{"content":[{"type":"image","mimeType":"image/png","data":"`+strings.Repeat("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ", 1<<20/44)+`"}]}`)
	pass(b, "30 blocks, 2 KB", texts(strings.Split(strings.Repeat("The pears are ripe, and will be sold on Monday. ,", 30), ",")...))
}

// cpu returns how long this thread has run.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_THREAD, &used); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// pass has an answer pass again and again.
func pass(b *testing.B, name, value string) {
	b.Helper()
	b.Run(name, func(b *testing.B) {
		a := answers.New(b.Context(), answers.Options{
			Detector: inspect.New(), Policy: func(string) string { return belief.Flag }, Log: slog.New(slog.DiscardHandler), Judge: check.Subject,
		})
		defer a.Close()
		h := a.Middleware(mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
			call.Server = "shop"
			return reply.Done(ctx, mcp.Own([]byte(value)))
		}))
		call := &mcp.Call{
			ID: "c1", Method: mcp.MethodToolsCall, Name: "shop.find", Findings: new(mcp.Findings),
			Request: message(b, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find","arguments":{"q":"pears"}}}`),
		}
		b.SetBytes(int64(len(value)))
		b.ReportAllocs()
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		begin := cpu(b)
		for b.Loop() {
			if err := h.Handle(b.Context(), call, nobody{}); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64((cpu(b)-begin).Nanoseconds())/float64(b.N)/1e3, "cpu-µs/op")
		if all := call.Findings.All(); len(all) > 0 {
			b.Errorf("found %+v", all[0])
		}
	})
}
