// Package interop tests the built gateway with software that others wrote: the official conformance suite, the
// official SDKs of TypeScript, Python and Go, the MCP Inspector and Claude Code in front of it, the reference servers
// behind it. It is a module of its own, so that nothing of this is needed to build, test or use the gateway.
//
//	make conformance    go test -v -run 'TestConformance|TestWayOut' .
//	make interop        go test -v -run 'TestPeers|TestBoxed|TestBridge|TestLines|TestDoors|TestPythonEvents|TestGoClient|TestSeedExample|TestObjects|TestOAuth|TestRegistry' .
//
// Both need npm, and make interop Python, and for the official registry PostgreSQL; what they install is pinned in node/ and python/ and stays in these folders.
// With -direct the peers talk to the servers without a gateway between them: what fails then is not ours.
package interop
