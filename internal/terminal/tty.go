package terminal

import "os"

// Is reports whether a person may type there, or watch: whether it is a file of a terminal. The null device, which programs without a
// person are given, is a character device too, and is none.
func Is(file any) bool {
	f, ok := file.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
