package terminal

import (
	"encoding/json"
	"fmt"
	"io"
)

// A Voice is how the verbs of the program speak: data for the next program, and notes for the person who watches. What its flags are is
// known once the command line is read, so whoever keeps a Voice keeps a pointer to it.
type Voice struct {
	Data   io.Writer // stdout: data, for the next program
	People io.Writer // stderr: everything meant for people
	JSON   bool      // --json: data as JSON, a failure as one line of JSON
	Quiet  bool      // --quiet: nothing for people but failures
}

// WriteJSON prints the document as one indented JSON document.
func (v *Voice) WriteJSON(document any) error {
	e := v.encoder()
	e.SetIndent("", "  ")
	return e.Encode(document)
}

// WriteJSONLine prints the document as one line of JSON, for verbs that print a stream.
func (v *Voice) WriteJSONLine(document any) error { return v.encoder().Encode(document) }

func (v *Voice) encoder() *json.Encoder {
	e := json.NewEncoder(v.Data)
	e.SetEscapeHTML(false)
	return e
}

// Note tells the person at the terminal something that is not data.
func (v *Voice) Note(format string, args ...any) {
	if !v.Quiet {
		fmt.Fprintf(v.People, format+"\n", args...)
	}
}
