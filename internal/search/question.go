package search

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A Question is what a caller looks for. The zero values of all but Query and Base stand for no restriction, and DefaultMatches.
type Question struct {
	// Query is a text, or with Regexp a regular expression (RE2) that is matched within lines.
	Query      string
	Regexp     bool
	IgnoreCase bool
	// Base is where paths start, from the root of the tree; "." for the root. The caller does not choose it.
	Base string
	// Path is a directory or a file to search.
	Path string
	// Glob is what files must be like: by name, or with a slash in it by path; with ! in front it says what they must not be like.
	Glob string
	// Limit is the most lines that are wanted, Context how many are given before and after each.
	Limit, Context int
}

// request checks what is asked.
func (q *Question) request() (request, error) {
	r := request{base: q.Base, start: q.Base, limit: DefaultMatches, context: q.Context}
	var err error
	if r.query, err = newQuery(q.Query, q.Regexp, q.IgnoreCase); err != nil {
		return r, err
	}
	if q.Path != "" && q.Path != "." && q.Path != "./" {
		if r.start, err = Within(q.Base, q.Path[:1]+strings.TrimSuffix(q.Path[1:], "/")); err != nil {
			return r, err
		}
	}
	if q.Limit != 0 {
		r.limit = q.Limit
	}
	if r.limit < 1 || r.limit > MaxMatches {
		return r, fmt.Errorf("limit is %d; use 1 to %d", r.limit, MaxMatches)
	}
	if r.context < 0 || r.context > MaxContext {
		return r, fmt.Errorf("context is %d; use 0 to %d", r.context, MaxContext)
	}
	if q.Glob != "" {
		err = r.setGlob(q.Glob)
	}
	return r, err
}

// setGlob takes the glob, which is for names if it has no slash.
func (r *request) setGlob(text string) error {
	text, r.others = strings.CutPrefix(text, "!")
	if err := checkGlob(text); err != nil {
		return err
	}
	r.byName = !strings.Contains(text, "/")
	var err error
	if r.glob, err = newGlob(strings.TrimPrefix(text, "./"), !r.byName, true); err != nil {
		return fmt.Errorf("glob: %w; write it like *.go or src/**/*.{ts,tsx}", err)
	}
	return nil
}

func checkGlob(text string) error {
	switch {
	case text == "" || len(text) > MaxGlob:
		return fmt.Errorf("the glob is empty or longer than %d bytes; write it like *.go or src/**/*.ts", MaxGlob)
	case strings.HasPrefix(text, "/") || slices.Contains(strings.Split(text, "/"), ".."):
		return errors.New("the glob leaves the workspace; it is for paths that are relative to it, such as src/**/*.ts")
	case strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return errors.New("the glob has a control character; remove it")
	}
	return nil
}
