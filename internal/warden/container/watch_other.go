//go:build !unix

package container

import (
	"context"
	"fmt"
	"os"
)

// Watch says that this system is not supported.
func Watch(context.Context, []string, []string) int {
	const cannotRun = 126
	fmt.Fprintln(os.Stderr, "containers are run on Unix systems only")
	return cannotRun
}
