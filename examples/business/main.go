// Command business runs the example service that openapi.yaml describes, on loopback. With mcp.yaml beside it the gateway offers its
// operations as tools:
//
//	go run ./examples/business
//	sumun serve --config examples/business/mcp.yaml
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/sumun-mcp/sumun/examples/business/service"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8090", "the address to listen on")
	key := flag.String("key", "demo", "the key that is asked for")
	flag.Parse()
	server := &http.Server{Addr: *listen, Handler: service.Handler(*key), ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintf(os.Stderr, "the company's services are at http://%s\n", *listen)
	if err := server.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, "business:", err)
		os.Exit(1)
	}
}
