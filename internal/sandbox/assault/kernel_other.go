//go:build linux && !amd64

package main

// Other processors have neither.
func ports(*Target) error { return errMissing }
func ldt(*Target) error   { return errMissing }
