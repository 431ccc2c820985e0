package config

import (
	"path/filepath"
	"strings"

	"github.com/sumun-mcp/sumun/internal/document"
)

// Where state is kept unless the file says otherwise, and the sort of store that lies in a file.
const (
	stateDir  = ".sumun"
	stateName = "sumun.db"
	sqlite    = "sqlite:"
)

// stateFile is where state is kept by default.
func stateFile(c *Config) string { return sqlite + filepath.Join(project(c), stateDir, stateName) }

// StoreFile returns the path of the SQLite database that Store names, empty where it names another.
func (c *Config) StoreFile() string {
	name, ok := strings.CutPrefix(c.Store, sqlite)
	if !ok {
		return ""
	}
	return name
}

// StateDir returns the directory of what belongs to this machine alone, such as the key named local: that of the SQLite database,
// or .sumun beside the file where Store names another.
func (c *Config) StateDir() string {
	if name := c.StoreFile(); name != "" {
		return filepath.Dir(name)
	}
	return filepath.Join(project(c), stateDir)
}

// finishStore makes the path of a SQLite database absolute.
func (l *loader) finishStore() {
	c := l.config
	if name, ok := strings.CutPrefix(c.Store, sqlite); ok && name != "" {
		c.Store = sqlite + document.Absolute(c.Dir, name)
	} else if !l.Written("store") {
		c.Store = stateFile(c)
	}
}

// checkStore wants a store that is built. Whether a database can be reached is found out when it is opened.
func (l *loader) checkStore() {
	const file = "write sqlite:PATH, such as sqlite:.sumun/sumun.db"
	scheme, name, _ := strings.Cut(l.config.Store, ":")
	switch {
	case scheme == "postgres" || scheme == "postgresql":
		if !strings.HasPrefix(name, "//") || len(name) == len("//") {
			l.Wrong("store", "names no database", "write postgres://USER:PASSWORD@HOST/NAME")
		}
	case scheme != "sqlite":
		l.Wrong("store", "wants sqlite:PATH or postgres://…", document.Suggest(scheme, []string{"sqlite", "postgres"}))
	case name == "":
		l.Wrong("store", "names no file", file)
	case strings.HasSuffix(name, "/:memory:"):
		l.Wrong("store", "a store in memory would forget its keys", file)
	}
}
