package warden

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A machine is what of this machine decides which of its files a program gets to see. It is not changed once made.
type machine struct {
	homes   []string // home folders
	private []string // what no program may see: the gateway's state and its configuration
	shared  []string // directories of the state in which what is made for programs lies
}

// broad are directories that hold too much for anybody to mean all of it, and interfaces of the kernel.
var broad = []string{"/", "/boot", "/dev", "/etc", "/proc", "/run", "/sys", "/tmp", "/var", "/var/run", "/var/tmp"}

// kernel are directories below which nothing is a file of somebody's.
var kernel = []string{"/dev", "/proc", "/run", "/sys", "/var/run"}

// newMachine returns this machine, on which programs may not see what is private, but for what is shared of it.
func newMachine(private, shared []string) *machine {
	m := &machine{homes: homes()}
	for _, path := range private {
		m.private = append(m.private, resolved(path))
	}
	for _, path := range shared {
		m.shared = append(m.shared, resolved(path))
	}
	return m
}

// isPrivate reports whether a resolved path is the gateway's own.
func (m *machine) isPrivate(path string) bool {
	below := func(dir string) bool { return within(dir, path) }
	return slices.ContainsFunc(m.private, below) && !slices.ContainsFunc(m.shared, below)
}

// homes returns the home folders of people on this machine, ours among them.
func homes() []string {
	all := []string{"/root"}
	if home, err := os.UserHomeDir(); err == nil && filepath.IsAbs(home) {
		all = append(all, resolved(home))
	}
	for _, pattern := range []string{"/home/*", "/Users/*"} {
		found, _ := filepath.Glob(pattern) // the pattern is well formed
		all = append(all, found...)
	}
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return all
	}
	return append(all, peoplesHomes(passwd)...)
}

// peoplesHomes returns the home folders in a passwd file of those who are no services.
func peoplesHomes(passwd []byte) (all []string) {
	const people, nobody = 1000, 65534
	lines := bufio.NewScanner(bytes.NewReader(passwd))
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) < 6 || !filepath.IsAbs(fields[5]) || fields[5] == "/" {
			continue
		}
		if uid, err := strconv.Atoi(fields[2]); err == nil && (uid == 0 || uid >= people && uid != nobody) {
			all = append(all, resolved(fields[5]))
		}
	}
	return all
}

// resolved returns a path without symbolic links, as far as it exists.
func resolved(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return filepath.Clean(path)
	}
	rest := ""
	for at := path; ; at = filepath.Dir(at) {
		if actual, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(actual, rest)
		}
		if at == filepath.Dir(at) {
			return path
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}

// within reports whether a clean path is dir or lies below it.
func within(dir, path string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

// tooBroad says why a directory is not opened unless somebody writes that it is; it is empty where nothing speaks against it.
func (m *machine) tooBroad(path string) string {
	switch {
	case slices.Contains(broad, path):
		return "it holds more than one program should see"
	case slices.ContainsFunc(kernel, func(dir string) bool { return within(dir, path) }):
		return "it is no file of a disk"
	case slices.ContainsFunc(m.homes, func(home string) bool { return within(path, home) }):
		return "it is a home folder, or holds some"
	}
	return ""
}

var (
	errPrivate  = errors.New("it is the gateway's own")
	errNoFile   = errors.New("it is neither a file nor a directory")
	errCrowded  = fmt.Errorf("the gateway's own files lie below it, beside more than %d others", mostBeside)
	errWritable = errors.New("the gateway's own files lie below it")
)

// opened returns what is bound for a path that an argument names or a program consists of: the path itself, or where the gateway's own
// files lie below it, all that lies beside them. An error says why nothing is.
func (m *machine) opened(path string) ([]string, error) {
	actual, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, err
	}
	if why := m.tooBroad(actual); why != "" {
		return nil, errors.New(why)
	}
	return m.around(actual)
}

// written returns what is bound for a path that the operator has written, who knows best: only / and the gateway's own files are refused.
func (m *machine) written(path string, toWrite bool) ([]string, error) {
	actual, err := filepath.EvalSymlinks(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errors.New("it is not there; make it first, or name the directory in which it will be")
	case err != nil:
		return nil, err
	case actual == "/":
		return nil, errors.New("it is the whole machine; name what the program needs")
	case toWrite && m.holds(actual):
		return nil, errWritable
	}
	return m.around(actual)
}

// holds reports whether something of the gateway's own lies below a directory.
func (m *machine) holds(dir string) bool {
	return slices.ContainsFunc(m.private, func(own string) bool { return within(dir, own) })
}

// mostBeside bounds how many files are bound one by one because the gateway's own lie beside them.
const mostBeside = 200

// around returns a resolved path, or what lies below it but the gateway's own.
func (m *machine) around(path string) ([]string, error) {
	if m.isPrivate(path) {
		return nil, errPrivate
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return nil, errNoFile
	}
	if !m.holds(path) {
		return []string{path}, nil
	}
	return m.beside(path)
}

// beside returns what lies in a directory but the gateway's own.
func (m *machine) beside(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink != 0 {
			continue // whoever needs where it leads names that
		}
		found, err := m.around(filepath.Join(dir, e.Name()))
		if errors.Is(err, errCrowded) {
			return nil, err
		}
		all = append(all, found...) // what cannot be bound is left out
	}
	if len(all) > mostBeside {
		return nil, errCrowded
	}
	return all, nil
}
