// Keeper lets one animal of the zoo out, to be looked at by hand:
//
//	go run ./internal/zoo/keeper --http 127.0.0.1:3000 hammer
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"github.com/sumun-mcp/sumun/internal/zoo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt) //nolint:forbidigo // the program begins here
	err := zoo.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
