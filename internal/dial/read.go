package dial

import (
	"errors"
	"fmt"
	"io"
)

// ErrTooLarge is the error of Read when there is more than may be.
var ErrTooLarge = errors.New("larger than allowed")

// Read reads r to its end, at most so many bytes, counted after decompression. When there is more it returns the first of them and an
// error that wraps ErrTooLarge and names the bound.
func Read(r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, fmt.Errorf("reading an answer: %w", err)
	}
	if int64(len(data)) > most {
		return data[:most], fmt.Errorf("the answer is %w: more than %d bytes", ErrTooLarge, most)
	}
	return data, nil
}
