package box

import "errors"

func available() (string, error) { return "", errors.New("the box is not built yet") }

func sweep() {}
