package resource

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/database"
	"github.com/sumun-mcp/sumun/internal/owntool"
)

const (
	// databasePrefix begins the URI of a configured query: sumun://database/NAME/QUERY?region=EU.
	databasePrefix = "sumun://database/"
	// namedDatabase begins the URI of any query by the arguments of the tool db.query: sumun://database?query=top&region=EU.
	namedDatabase = "sumun://database"
	queryName     = "db.query"
)

// What holds of a database where the configuration does not say.
const (
	defaultMaxRows = 1_000
	// maxSQLBytes is the length of the longest query that a caller writes.
	maxSQLBytes = 16 << 10
)

// reserved are the arguments that db.query gives a meaning of its own: no parameter of a query has such a name.
var reserved = []string{"database", "query", "sql"}

// A db is the database of one resource.
type db struct {
	*database.Database

	name string
	raw  bool // callers may write queries
	poll time.Duration
}

// A databaseSource offers the queries of all resources of type database.
type databaseSource struct {
	all       *Resources
	databases []*db
}

func (r *Resources) openDatabases(of []offer.Resource) (func(), error) {
	s := &databaseSource{all: r}
	r.sources = append(r.sources, s)
	var faults []error
	for _, c := range of {
		d, err := openDatabase(r.ctx, c)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		s.databases = append(s.databases, d)
	}
	return s.offer, errors.Join(faults...)
}

// openDatabase opens the database of a resource.
func openDatabase(ctx context.Context, c offer.Resource) (*db, error) {
	opened, err := database.Open(ctx, database.Options{
		DSN: c.DSN, Queries: c.Queries, MaxRows: cmp.Or(c.MaxRows, defaultMaxRows), MaxBytes: cmp.Or(int(c.MaxBytes), defaultMaxBytes),
		Timeout: cmp.Or(c.Timeout, defaultTimeout),
	})
	if err != nil {
		return nil, fmt.Errorf("opening the database %q: %w", c.Name, err)
	}
	for _, name := range opened.Names() {
		for _, param := range opened.Query(name).Params {
			if slices.Contains(reserved, param) {
				err := fmt.Errorf("the query %q of the database %q: the parameter :%s has a name that db.query gives another meaning; rename it", name, c.Name, param)
				return nil, errors.Join(err, opened.Close())
			}
		}
	}
	return &db{opened, c.Name, c.RawSQL, cmp.Or(c.Poll, defaultPoll)}, nil
}

// offer adds the tool and the queries to the server: one without parameters as a resource, others as templates.
func (s *databaseSource) offer() {
	for _, d := range s.databases {
		for _, name := range d.Names() {
			uri, params := databasePrefix+d.name+"/"+name, d.Query(name).Params
			if len(params) == 0 {
				s.all.shelf.Put(&mcp.Resource{URI: uri, Name: d.name + "." + name, MIMEType: "application/json", Meta: metaOf(kindDatabase, "", 0)}, true)
				continue
			}
			s.all.server.AddResourceTemplate(&mcp.ResourceTemplate{
				Name: d.name + "." + name, Description: "The query " + name + " of the database " + d.name + " as {columns, rows}",
				URITemplate: uri + "{?" + strings.Join(params, ",") + "}", MIMEType: "application/json", Meta: metaOf(kindDatabase, "", 0),
			}, s.all.serve)
		}
	}
	s.all.server.AddResourceTemplate(&mcp.ResourceTemplate{
		Name: queryName, Title: "Ask a database", Description: s.words(),
		URITemplate: namedDatabase + "{?" + strings.Join(s.arguments(), ",") + "}", MIMEType: "application/json", Meta: metaOf(kindDatabase, "", 0),
	}, s.all.serve)
	s.all.server.AddTool(s.tool(), s.call)
}

// arguments are what db.query takes: database, query, sql, and the parameters of all queries.
func (s *databaseSource) arguments() []string {
	all := []string{"database"}
	if len(s.queryNames()) > 0 {
		all = append(all, "query")
	}
	if s.raw() {
		all = append(all, "sql")
	}
	params := map[string]bool{}
	for _, d := range s.databases {
		for _, query := range d.Names() {
			for _, name := range d.Query(query).Params {
				params[name] = true
			}
		}
	}
	return append(all, slices.Sorted(maps.Keys(params))...)
}

func (s *databaseSource) raw() bool {
	return slices.ContainsFunc(s.databases, func(d *db) bool { return d.raw })
}

func (s *databaseSource) queryNames() []string {
	var all []string
	for _, d := range s.databases {
		all = append(all, d.Names()...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// words describes what can be asked.
func (s *databaseSource) words() string {
	var out strings.Builder
	out.WriteString("Asks a database, which is only read.")
	for _, d := range s.databases {
		for _, name := range d.Names() {
			fmt.Fprintf(&out, " %s of %s takes (%s).", name, d.name, strings.Join(d.Query(name).Params, ", "))
		}
		if d.raw {
			fmt.Fprintf(&out, " %s takes a SELECT as sql.", d.name)
		}
	}
	return out.String()
}

func (s *databaseSource) tool() *mcp.Tool {
	properties := map[string]any{}
	for _, name := range s.arguments() {
		properties[name] = map[string]any{"type": []string{"string", "number", "boolean", "null"}, "description": "The value of :" + name}
	}
	var names []string
	for _, d := range s.databases {
		names = append(names, d.name)
	}
	properties["database"] = map[string]any{"type": "string", "enum": names, "description": "Which database, if several could be meant"}
	if queries := s.queryNames(); len(queries) > 0 {
		properties["query"] = map[string]any{"type": "string", "enum": queries, "description": "Which query"}
	}
	if s.raw() {
		properties["sql"] = map[string]any{"type": "string", "maxLength": maxSQLBytes, "description": "A query of your own: one SELECT"}
	}
	return &mcp.Tool{
		Name: queryName, Title: "Ask a database", Description: s.words(),
		InputSchema: map[string]any{"type": "object", "properties": properties, "additionalProperties": false},
		OutputSchema: json.RawMessage(`{
			"type": "object",
			"properties": {
				"columns": {"type": "array", "items": {"type": "string"}, "description": "The names of the columns, in their order"},
				"rows": {"type": "array", "items": {"type": "object"}, "description": "Values by the names of their columns"},
				"truncated": {"type": "boolean", "description": "True if there are more rows than one answer may have"}
			},
			"required": ["columns", "rows"],
			"additionalProperties": false
		}`),
		Annotations: owntool.ReadsOnly("Ask a database"),
	}
}

func (s *databaseSource) call(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	values := map[string]any{}
	decoder := json.NewDecoder(bytes.NewReader(req.Params.Arguments))
	decoder.UseNumber()
	if len(req.Params.Arguments) > 0 {
		if err := decoder.Decode(&values); err != nil {
			return owntool.Failed(fmt.Errorf("the arguments are not a JSON object: %w", err)), nil
		}
	}
	for name, value := range values {
		scalar, ok := scalarOf(value)
		if !ok {
			return owntool.Failed(fmt.Errorf("the argument %q is neither a text, a number, true, false nor null", name)), nil
		}
		values[name] = scalar
	}
	q, err := s.ask(values)
	if err != nil {
		return owntool.Failed(err), nil
	}
	out, err := q.db.Run(ctx, q.sql, q.values)
	if err != nil {
		return owntool.Failed(s.all.toolWords(ctx, q.uri(), err)), nil
	}
	return structured(out)
}

// scalarOf is a JSON value as databases take it.
func scalarOf(value any) (any, bool) {
	switch v := value.(type) {
	case nil, bool, string:
		return v, true
	case json.Number:
		if i, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return i, true
		}
		f, err := v.Float64()
		return f, err == nil
	}
	return nil, false
}

// A question is one query with its values.
type question struct {
	db     *db
	name   string // of the query; empty for one that the caller wrote
	sql    *database.Statement
	text   string // of a query that the caller wrote
	values map[string]any
}

// uri is the only URI of a question.
func (q *question) uri() string {
	if q.name == "" {
		return namedDatabase + "?database=" + q.db.name + "&sql=" + escapeQuery(q.text)
	}
	var out strings.Builder
	out.WriteString(databasePrefix + q.db.name + "/" + q.name)
	mark := byte('?')
	for _, name := range q.sql.Params {
		out.WriteByte(mark)
		out.WriteString(name + "=" + escapeQuery(fmt.Sprint(q.values[name])))
		mark = '&'
	}
	return out.String()
}

// escapeQuery percent-encodes a value as the expansion of {?name} does (RFC 6570 section 3.2.8).
func escapeQuery(value string) string {
	return strings.ReplaceAll(url.QueryEscape(value), "+", "%20")
}

// ask finds the query that the arguments of db.query mean. Its errors are refusals.
func (s *databaseSource) ask(values map[string]any) (*question, error) {
	rest := maps.Clone(values)
	var words [3]string
	for i, name := range reserved {
		value, given := rest[name]
		text, isText := value.(string)
		if given && (!isText || text == "") {
			return nil, refusal(fmt.Sprintf("the argument %q is not a text", name))
		}
		words[i] = text
		delete(rest, name)
	}
	name, text := words[1], words[2]
	if (name == "") == (text == "") {
		return nil, refusal("give either query, the name of one, or sql where that is allowed; queries: " + strings.Join(s.queryNames(), ", "))
	}
	var fit []*db
	for _, d := range s.databases {
		if (words[0] == "" || words[0] == d.name) && (name != "" && d.Query(name) != nil || text != "" && d.raw) {
			fit = append(fit, d)
		}
	}
	switch {
	case len(fit) == 0 && text != "":
		return nil, refusal("no such database takes sql; its owner can allow it with rawSQL: true")
	case len(fit) == 0:
		return nil, refusal("there is no such query; queries: " + strings.Join(s.queryNames(), ", "))
	case len(fit) > 1:
		return nil, refusal("several databases could be meant; say which with database")
	}
	q := &question{db: fit[0], name: name, text: text, values: rest, sql: fit[0].Query(name)}
	if text != "" {
		return q.written()
	}
	return q.filled()
}

// written reads the SQL of a caller.
func (q *question) written() (*question, error) {
	if len(q.text) > maxSQLBytes {
		return nil, refusal(fmt.Sprintf("the SQL has %d bytes; at most %d are taken", len(q.text), maxSQLBytes))
	}
	var err error
	if q.sql, err = q.db.Parse(q.text); err != nil {
		return nil, err
	}
	if len(q.sql.Params) > 0 {
		return nil, refusal("the SQL has the parameter :" + q.sql.Params[0] + "; write its value")
	}
	return q.filled()
}

// filled wants a value for each parameter, and no other.
func (q *question) filled() (*question, error) {
	for _, name := range q.sql.Params {
		if _, ok := q.values[name]; !ok {
			return nil, refusal(fmt.Sprintf("the parameter %q is missing; give it", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(q.values)) {
		if !slices.Contains(q.sql.Params, name) {
			return nil, refusal(fmt.Sprintf("there is no parameter %q; this query takes (%s)", name, strings.Join(q.sql.Params, ", ")))
		}
	}
	return q, nil
}

func (s *databaseSource) kind() string { return kindDatabase }

func (s *databaseSource) close() error {
	var faults []error
	for _, d := range s.databases {
		faults = append(faults, d.Close())
	}
	return errors.Join(faults...)
}

// every is how often the queries that somebody follows are asked again: as often as the most eager database wants.
func (s *databaseSource) every() time.Duration {
	every := s.databases[0].poll
	for _, d := range s.databases {
		every = min(every, d.poll)
	}
	return every
}

// question finds the question of a URI.
func (s *databaseSource) question(uri string) (*question, error) {
	at, query, _ := strings.Cut(uri, "?")
	params, err := url.ParseQuery(query)
	if err != nil {
		return nil, refusal("the URI has a query that cannot be read; write name=value, with & between")
	}
	values := map[string]any{}
	for name, all := range params {
		if len(all) != 1 {
			return nil, refusal(fmt.Sprintf("the parameter %q is there more than once", name))
		}
		values[name] = all[0]
	}
	if path, ok := strings.CutPrefix(at, databasePrefix); ok {
		name, query, _ := strings.Cut(path, "/")
		for _, taken := range reserved {
			if _, ok := values[taken]; ok {
				return nil, errNotFound
			}
		}
		values["database"], values["query"] = name, query
	}
	return s.ask(values)
}

// resolve accepts whatever looks like a question, so that read can say what is wrong with it.
func (s *databaseSource) resolve(uri string) (string, bool) {
	if at, _, _ := strings.Cut(uri, "?"); at != namedDatabase && !s.knows(at) {
		return "", false
	}
	q, err := s.question(uri)
	if err != nil {
		return uri, true
	}
	return q.uri(), true
}

// knows reports whether the path of a URI is that of a query.
func (s *databaseSource) knows(at string) bool {
	path, ok := strings.CutPrefix(at, databasePrefix)
	name, query, _ := strings.Cut(path, "/")
	return ok && slices.ContainsFunc(s.databases, func(d *db) bool { return d.name == name && d.Query(query) != nil })
}

func (s *databaseSource) read(ctx context.Context, uri, _ string) (*state, error) {
	q, err := s.question(uri)
	if err != nil {
		return nil, err
	}
	out, err := q.db.Run(ctx, q.sql, q.values)
	if err != nil {
		return nil, err
	}
	return objectState(out, "")
}

// tells reports whether a question can be followed: it can be asked.
func (s *databaseSource) tells(name string) bool {
	_, err := s.question(name)
	return err == nil
}
