//go:build !linux

package box

import (
	"errors"
	"runtime"
)

func available() (string, error) {
	return "", errors.New("there is no box on " + runtime.GOOS + "; use sandbox: container, or Linux")
}

func sweep() {}
