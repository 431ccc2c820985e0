package node

import (
	"slices"
	"strings"
)

// builtins are the modules of Node that may be imported without "node:".
var builtins = strings.Fields(`
	assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain events fs http http2
	https inspector module net os path perf_hooks process punycode querystring readline repl stream string_decoder sys timers tls
	trace_events tty url util v8 vm wasi worker_threads zlib`)

// isBuiltin reports whether an import is of a module of Node.
func isBuiltin(specifier string) bool {
	if strings.HasPrefix(specifier, "node:") || strings.HasPrefix(specifier, "#") || strings.Contains(specifier, "://") {
		return true
	}
	name, _, _ := strings.Cut(specifier, "/")
	return slices.Contains(builtins, name)
}
