// Command sumun is the gate between AI hosts and MCP servers: it routes, guards, scans and signs.
//
// The program is run, in root.go; every verb is a method of app in the file of its name, and stands in
// the one list of app.sections. Stdout carries data, stderr everything meant for people.
package main

import (
	"os"
)

func main() { os.Exit(run(arguments(os.Args), os.Stdin, os.Stdout, os.Stderr, os.Getenv)) }
