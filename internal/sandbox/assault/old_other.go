//go:build linux && !amd64

package main

// oldCalls has nothing to try: there is no other entry.
func oldCalls(*Target) error { return errMissing }
