package offer

import (
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/document"
)

// A Resource is something the gateway itself offers to read, and to write where that is allowed: the files of a directory, the answers of a
// database, pages, entries of a cache, or objects of a store.
type Resource struct {
	// Name is the resource's key in the file: letters, digits, _ and -.
	Name string `yaml:"-"`
	// Type is the kind of resource.
	Type string `yaml:"type" enum:"file database web cache object"`
	// Root is the directory whose files are offered. Nothing outside it can be reached. For file.
	Root string `yaml:"root"`
	// Write allows clients whose scopes allow it to change what is offered. For file, cache and object.
	Write bool `yaml:"write"`
	// DSN is the database, as sqlite:PATH or postgres://USER:PASSWORD@HOST/NAME. It is only ever read. For database.
	DSN string `yaml:"dsn" secret:"expanded"`
	// Queries are what can be asked, by their names, in SQL with parameters written as :name. For database.
	Queries map[string]string `yaml:"queries" key:"query"`
	// RawSQL lets clients write a query themselves: one statement, which only reads. Whoever may ask it sees whatever the database's user sees. For database.
	RawSQL bool `yaml:"rawSQL"`
	// URLs are pages that are listed. For web.
	URLs []string `yaml:"urls" form:"page whole"`
	// Hosts are hosts of which every page over HTTPS can be read: HOST, HOST:PORT, or *.example.com for all below example.com. For web.
	Hosts []string `yaml:"hosts" form:"pagehost"`
	// Private are hosts and networks, such as 10.0.0.0/8, that may have an address that is not public. For web.
	Private []string `yaml:"private"`
	// URL is where the objects are: file:///DIRECTORY, or s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION. For object.
	URL string `yaml:"url" secret:"expanded" form:"store"`
	// AccessKey and secretKey are the credentials for an S3 store; without them what everybody may read is read. For object.
	AccessKey string `yaml:"accessKey" secret:"all"`
	// SecretKey belongs to accessKey. For object.
	SecretKey string `yaml:"secretKey" secret:"all"`
	// TTL is how long an entry stays: an hour when absent. For cache.
	TTL time.Duration `yaml:"ttl" min:"1"`
	// Entries is how many entries there are at most: 1,000 when absent. What was not used for the longest time goes first. For cache.
	Entries int `yaml:"entries" min:"1" max:"1000000"`
	// Bytes is how large all entries together may be: 16 MiB when absent. For cache.
	Bytes document.Size `yaml:"bytes" min:"1" max:"17179869184"`
	// MaxBytes is how large one answer, entry or object may be: 4 MiB when absent. For database, web, cache and object.
	MaxBytes document.Size `yaml:"maxBytes" min:"1024" max:"67108864"`
	// MaxRows is how many rows one answer may have: 1,000 when absent. For database.
	MaxRows int `yaml:"maxRows" min:"1" max:"100000"`
	// Timeout is how long one read or write may take: 10s when absent. For database, web and object.
	Timeout time.Duration `yaml:"timeout" min:"1000000"`
	// Poll is how often a resource is looked at while a client is subscribed to it: every minute when absent. For database, web and object.
	Poll time.Duration `yaml:"poll" min:"1000000000"`
}

// Equal reports whether r and o are configured alike, so that what runs for one can go on for the other.
func (r Resource) Equal(o Resource) bool { return reflect.DeepEqual(r, o) }

// Begin makes r the resource of that name.
func (r *Resource) Begin(name string) { *r = Resource{Name: name} }

// resourceKeys are the keys that each type of resource has beside type, those that it needs first.
var resourceKeys = map[string]struct {
	needs string // what it cannot do without; several are alternatives
	hint  string
	also  string
}{
	"file":     {"root", "write root: DIRECTORY", "write"},
	"database": {"dsn", "write dsn: sqlite:PATH, or dsn: postgres://USER:PASSWORD@HOST/NAME", "queries rawSQL maxBytes maxRows timeout poll"},
	"web":      {"urls hosts", "write urls: [https://…] for single pages, or hosts: [docs.example.com] for all pages of a host", "private maxBytes timeout poll"},
	"cache":    {"write", "write write: true; a cache that nobody can write stays empty", "ttl entries bytes maxBytes"},
	"object":   {"url", "write url: file:///DIRECTORY, or url: s3://BUCKET?endpoint=https://HOST&region=REGION", "write accessKey secretKey maxBytes timeout poll"},
}

// allResourceKeys are all keys of a resource that belong to some types only.
func allResourceKeys() []string {
	var all []string
	for _, row := range resourceKeys {
		all = append(append(all, strings.Fields(row.needs)...), strings.Fields(row.also)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// checkResources looks at each resource: what its type needs is there, and nothing that belongs to another type.
func (d checker) checkResources(o *Offer) {
	for i := range o.Resources {
		r := &o.Resources[i]
		p := document.Join("resources", r.Name)
		if !d.OK(p, p+".type") {
			continue
		}
		if r.Type == "" {
			d.Missing(p, "type", "write type: file, database, web, cache or object")
			continue
		}
		d.checkResourceKeys(p, r)
		switch r.Type {
		case "file":
			d.checkResourceRoot(p, r)
		case "database":
			d.checkDatabase(p, r)
		case "web":
			d.checkPages(p, r)
		case "cache":
			if d.Written(p+".write") && d.OK(p+".write") && !r.Write {
				d.Wrong(p+".write", "a cache that nobody can write stays empty", "write write: true")
			}
		case "object":
			d.checkObjects(p, r)
		}
	}
}

// checkResourceKeys wants the keys of the resource's type.
func (d checker) checkResourceKeys(p string, r *Resource) {
	row := resourceKeys[r.Type]
	needs := strings.Fields(row.needs)
	if !slices.ContainsFunc(needs, func(key string) bool { return d.Written(p + "." + key) }) {
		d.Missing(p, strings.Join(needs, " or "), row.hint)
	}
	its := slices.Concat(needs, strings.Fields(row.also))
	for _, key := range allResourceKeys() {
		no := key == "write" && !r.Write || key == "rawSQL" && !r.RawSQL
		if d.Written(p+"."+key) && !slices.Contains(its, key) && !no {
			slices.Sort(its)
			d.Wrong(p+"."+key, "does not belong to a resource of type "+r.Type, "known there: type, "+strings.Join(its, ", "))
		}
	}
}

// checkResourceRoot wants a directory that exists.
func (d checker) checkResourceRoot(p string, r *Resource) {
	if !d.Written(p+".root") || !d.OK(p+".root") {
		return
	}
	if r.Root == "" { // as of a variable that is not set: not this directory
		d.Wrong(p+".root", "is empty", "name a directory; write . for the one of this file")
		return
	}
	if err := document.Directory(r.Root); err != nil {
		d.Wrong(p+".root", r.Root+": "+err.Error(), "name a directory that is there")
	}
}

// checkDatabase wants a database that is built, and something that can be asked of it.
func (d checker) checkDatabase(p string, r *Resource) {
	if !d.OK(p+".dsn", p+".queries", p+".rawSQL") || !d.Written(p+".dsn") {
		return
	}
	scheme, name, _ := strings.Cut(r.DSN, ":")
	switch {
	case scheme != "sqlite" && scheme != "postgres" && scheme != "postgresql":
		d.Wrong(p+".dsn", "wants sqlite:PATH or postgres://…", document.Suggest(scheme, []string{"sqlite", "postgres"}))
	case scheme == "sqlite" && name == "":
		d.Wrong(p+".dsn", "names no file", "write sqlite:PATH, such as sqlite:sales.db")
	}
	for _, q := range slices.Sorted(maps.Keys(r.Queries)) {
		if strings.TrimSpace(r.Queries[q]) == "" {
			d.Wrong(document.Join(p+".queries", q), "is empty", "write a SELECT")
		}
	}
	if len(r.Queries) == 0 && !r.RawSQL {
		d.Missing(p, "queries", "write queries: {NAME: \"SELECT …\"}; rawSQL: true lets clients write their own")
	}
}

// checkPages wants pages that can be told apart into their parts.
func (d checker) checkPages(p string, r *Resource) {
	for i, page := range r.URLs {
		if u, err := url.Parse(page); err != nil || u.String() != page {
			d.Wrong(fmt.Sprintf("%s.urls[%d]", p, i), "is not written as it is sent", "escape what a URL cannot have, such as spaces as %20")
		}
	}
}

// checkObjects wants a store that is built, and credentials that are whole.
func (d checker) checkObjects(p string, r *Resource) {
	if !d.OK(p+".url", p+".accessKey", p+".secretKey") {
		return
	}
	if (r.AccessKey == "") != (r.SecretKey == "") {
		d.Missing(p, "accessKey or secretKey", "the two belong together")
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		d.Wrong(p+".url", storeForm.Message, storeForm.Hint)
		return
	}
	if u.Scheme == "file" {
		if err := document.Directory(u.Path); err != nil {
			d.Wrong(p+".url", u.Path+": "+err.Error(), "name a directory that is there")
		}
		return
	}
	for key := range u.Query() {
		if key != "endpoint" && key != "region" {
			d.Wrong(p+".url", "has the unknown parameter "+key, "known: endpoint and region; credentials are accessKey and secretKey")
		}
	}
}

// resourceRule is the schema of a resource: one for each type.
func resourceRule() document.Schema {
	var types []document.Schema
	for _, name := range slices.Sorted(maps.Keys(resourceKeys)) {
		row := resourceKeys[name]
		needs := strings.Fields(row.needs)
		its := slices.Concat(needs, strings.Fields(row.also))
		properties := document.Schema{"type": document.OrVariable(document.Schema{"const": name})}
		others := slices.DeleteFunc(allResourceKeys(), func(key string) bool {
			no := key == "write" || key == "rawSQL"
			if no && !slices.Contains(its, key) {
				properties[key] = document.OrVariable(document.Schema{"const": false})
			}
			return no || slices.Contains(its, key)
		})
		if name == "cache" {
			properties["write"] = document.OrVariable(document.Schema{"const": true})
		}
		rule := document.HasAny(needs...)
		rule["properties"], rule["not"] = properties, document.HasAny(others...)
		types = append(types, rule)
	}
	asked := document.Schema{"properties": document.Schema{"type": document.Schema{"const": "database"}}, "required": []string{"type"}}
	return document.Schema{
		"type": "object", "required": []string{"type"}, "oneOf": types,
		"if": asked, "then": document.HasAny("queries", "rawSQL"),
		"dependentRequired": document.Schema{"accessKey": []string{"secretKey"}, "secretKey": []string{"accessKey"}},
	}
}
