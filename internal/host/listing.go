package host

import "slices"

// A Listing is what one file of a host says.
type Listing struct {
	Host    string   `json:"host"`            // the host's ID
	Title   string   `json:"title"`           // the host's name
	Scope   string   `json:"scope"`           // whose file it is
	File    string   `json:"file"`            // its absolute path
	Exists  bool     `json:"exists"`          // whether it is there
	Present bool     `json:"present"`         // whether the server that was looked for is in it
	Others  []string `json:"others"`          // the names of the other servers
	Error   string   `json:"error,omitempty"` // why it could not be read
}

// Look reads the files of all hosts, and tells whether the server of that name is in them.
func Look(env Env, server string) []Listing {
	var all []Listing
	for _, h := range All() {
		all = append(all, h.look(env, server)...)
	}
	return all
}

// look reads the files of one host. In the home directory that of the project is that of the user.
func (h Host) look(env Env, server string) []Listing {
	var rows []Listing
	for _, scope := range h.Scopes() {
		row := h.listing(env, scope, server)
		if len(rows) == 0 || rows[0].File != row.File {
			rows = append(rows, row)
		}
	}
	return rows
}

// listing reads one file.
func (h Host) listing(env Env, scope Scope, server string) Listing {
	row := Listing{Host: h.ID, Title: h.Title, Scope: string(scope), Others: []string{}}
	fail := func(err error) Listing {
		row.Error = err.Error()
		return row
	}
	var err error
	if row.File, err = h.File(env, scope); err != nil {
		return fail(err)
	}
	f, err := Open(row.File)
	if err != nil {
		return fail(err)
	}
	row.Exists = f.Exists
	names, err := h.Servers(f.Data)
	if err != nil {
		return fail(err)
	}
	row.Present = slices.Contains(names, server)
	row.Others = slices.DeleteFunc(append(row.Others, names...), func(name string) bool { return name == server })
	return row
}
