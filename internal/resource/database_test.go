package resource

import (
	"database/sql"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/mcp"
)

// orders are what both engines hold in tests.
const orders = `CREATE TABLE orders (id INTEGER PRIMARY KEY, region TEXT, total DOUBLE PRECISION, note TEXT);
INSERT INTO orders VALUES (1, 'EU', 10.5, 'it''s'), (2, 'EU', 20, NULL), (3, '한국', 9007199254740993, '; DROP TABLE orders; --');`

// sales is a SQLite database with orders.
func sales(t *testing.T, more string) (dsn, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "sales.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), orders+more); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path, path
}

// queries are those that both engines understand.
var queries = map[string]string{
	"region":  "SELECT id, note FROM orders WHERE region = :region ORDER BY id",
	"by_id":   "SELECT region FROM orders WHERE id = :id AND region = :region",
	"all":     "SELECT id, region, id FROM orders ORDER BY id;",
	"least":   "SELECT id FROM orders WHERE total >= :total ORDER BY id LIMIT 2",
	"nothing": "SELECT id FROM orders WHERE 1 = 0",
}

// onSales runs a test with a database of orders.
func onSales(t *testing.T, test func(t *testing.T, c offer.Resource)) {
	t.Helper()
	dsn, _ := sales(t, "")
	test(t, offer.Resource{Name: "sales", Type: kindDatabase, DSN: dsn, Queries: queries})
}

func TestQueries(t *testing.T) {
	onSales(t, func(t *testing.T, c offer.Resource) {
		t.Helper()
		session := connect(t, open(t, Options{Resources: []offer.Resource{c}}), eras[1], nil)
		for _, tt := range []struct{ uri, arguments, want string }{
			{"sumun://database/sales/region?region=EU", `{"query":"region","region":"EU"}`, `{"columns":["id","note"],"rows":[{"id":1,"note":"it's"},{"id":2,"note":null}]}`},
			{"sumun://database/sales/region?region=%ED%95%9C%EA%B5%AD", `{"query":"region","region":"한국"}`, `{"columns":["id","note"],"rows":[{"id":3,"note":"; DROP TABLE orders; --"}]}`},
			{"sumun://database/sales/region?region=%27%20OR%20%27%27%3D%27", `{"query":"region","region":"' OR ''='"}`, `{"columns":["id","note"],"rows":[]}`},
			{"sumun://database/sales/by_id?id=1&region=EU", `{"query":"by_id","id":1,"region":"EU"}`, `{"columns":["region"],"rows":[{"region":"EU"}]}`},
			{"sumun://database/sales/all", `{"database":"sales","query":"all"}`, `{"columns":["id","region","id_2"],"rows":[{"id":1,"region":"EU","id_2":1},{"id":2,"region":"EU","id_2":2},{"id":3,"region":"한국","id_2":3}]}`},
			{"sumun://database/sales/least?total=20", `{"query":"least","total":19.5}`, `{"columns":["id"],"rows":[{"id":2},{"id":3}]}`},
			{"sumun://database?query=nothing", `{"query":"nothing"}`, `{"columns":["id"],"rows":[]}`},
			{"sumun://database?database=sales&query=region&region=EU", `{"query":"region","region":"EU","database":"sales"}`, `{"columns":["id","note"],"rows":[{"id":1,"note":"it's"},{"id":2,"note":null}]}`},
		} {
			result, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: tt.uri})
			if err != nil {
				t.Errorf("%s: %v", tt.uri, err)
				continue
			}
			got := result.Contents[0]
			if got.Text != tt.want || got.MIMEType != "application/json" || got.Meta[mcp.MetaObject] != true || got.Meta[mcp.MetaETag] == nil || got.Meta[mcp.MetaType] != kindDatabase {
				t.Errorf("%s = %s %v\nwant %s", tt.uri, got.Text, got.Meta, tt.want)
			}
			if text, _, isError := call(t, session, "db.query", tt.arguments); isError || text != tt.want {
				t.Errorf("%s = %s\nwant %s", tt.arguments, text, tt.want)
			}
		}
	})
}

func TestQueriesRefuse(t *testing.T) {
	onSales(t, func(t *testing.T, c offer.Resource) {
		t.Helper()
		session := connect(t, open(t, Options{Resources: []offer.Resource{c}}), eras[1], nil)
		for arguments, words := range map[string]string{
			`{}`:                                      "give either query",
			`{"query":"none"}`:                        "no such query",
			`{"query":"region"}`:                      `"region" is missing`,
			`{"query":"all","region":"EU"}`:           `no parameter "region"`,
			`{"query":"region","region":["EU"]}`:      "neither a text",
			`{"query":"region","region":{"$ne":1}}`:   "neither a text",
			`{"query":"all","database":"other"}`:      "no such query",
			`{"query":7}`:                             "not a text",
			`{"sql":"SELECT 1"}`:                      "rawSQL: true",
			`{"query":"all","sql":"SELECT 1"}`:        "give either query",
			`{"query":"all; DROP TABLE orders"}`:      "no such query",
			`{"query":"all","; DROP TABLE orders":1}`: "no parameter",
		} {
			if text, _, isError := call(t, session, "db.query", arguments); !isError || !strings.Contains(text, words) {
				t.Errorf("%s: %q, %v; want an error with %q", arguments, text, isError, words)
			}
		}
		for _, uri := range []string{
			"sumun://database/sales/none", "sumun://database/other/all", "sumun://database/sales/region", "sumun://database/sales/region?region=a&region=b",
			"sumun://database/sales/all?sql=SELECT%201", "sumun://database/sales/all?x=1", "sumun://database/sales/../sales/all", "sumun://database/sales/%61ll",
			"sumun://database", "sumun://database?sql=SELECT%201", "sumun://database/sales", "sumun://database/sales/", "sumun://database/sales/all/x",
			"sumun://database/sales/region?region=%zz", "sumun://database/sales/region?region=EU;x=1",
		} {
			if result, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri}); err == nil {
				t.Errorf("%s was read: %s", uri, result.Contents[0].Text)
			}
		}
	})
}

// TestRawSQL lets callers write queries.
func TestRawSQL(t *testing.T) {
	onSales(t, func(t *testing.T, c offer.Resource) {
		t.Helper()
		c.RawSQL = true
		session := connect(t, open(t, Options{Resources: []offer.Resource{c}}), eras[1], nil)
		const one = `{"columns":["one"],"rows":[{"one":1}]}`
		if text, _, isError := call(t, session, "db.query", `{"sql":"SELECT 1 AS one"}`); isError || text != one {
			t.Errorf("%s", text)
		}
		result, err := session.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: "sumun://database?sql=" + escapeQuery("SELECT 1 AS one")})
		if err != nil || result.Contents[0].Text != one {
			t.Errorf("%+v, %v", result, err)
		}
		for sql, words := range map[string]string{
			"SELECT :a": "has the parameter :a", "DROP TABLE orders": "begins with", "SELECT 1; SELECT 2": "one statement", "SELECT nonsense": "nonsense",
			strings.Repeat(" ", maxSQLBytes) + "SELECT 1": "at most 16384",
		} {
			arguments, err := json.Marshal(map[string]string{"sql": sql})
			if err != nil {
				t.Fatal(err)
			}
			if text, _, isError := call(t, session, "db.query", string(arguments)); !isError || !strings.Contains(text, words) {
				t.Errorf("%.30q: %s; want %q", sql, text, words)
			}
		}
	})
}

// TestQueriesAreOffered holds what is listed: templates with their parameters, resources without.
func TestQueriesAreOffered(t *testing.T) {
	dsn, path := sales(t, "")
	r := open(t, Options{Resources: []offer.Resource{
		{Name: "sales", Type: kindDatabase, DSN: dsn, Queries: queries, Poll: 50 * time.Millisecond},
		{Name: "more", Type: kindDatabase, DSN: dsn, Queries: map[string]string{"all": "SELECT 1 AS n"}},
	}})
	n, options := watching()
	session := connect(t, r, eras[0], options)
	if got := strings.Join(listURIs(t, session), " "); got != "sumun://database/more/all sumun://database/sales/all sumun://database/sales/nothing" {
		t.Errorf("listed %s", got)
	}
	var templates []string
	for template, err := range session.ResourceTemplates(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		templates = append(templates, template.Name+" "+template.URITemplate)
	}
	want := "db.query sumun://database{?database,query,id,region,total}|sales.by_id sumun://database/sales/by_id{?id,region}|" +
		"sales.least sumun://database/sales/least{?total}|sales.region sumun://database/sales/region{?region}"
	if got := strings.Join(templates, "|"); len(templates) != 4 || !sameSet(got, want) {
		t.Errorf("templates\n%s\nwant\n%s", got, want)
	}
	if text, _, isError := call(t, session, "db.query", `{"query":"all"}`); !isError || !strings.Contains(text, "several databases") {
		t.Errorf("%s", text)
	}
	const uri = "sumun://database/sales/region?region=EU"
	if err := session.Subscribe(t.Context(), &sdk.SubscribeParams{URI: uri}); err != nil {
		t.Fatal(err)
	}
	for _, uri := range []string{"sumun://database?query=region&region=EU", "sumun://database/sales/region", "sumun://database/sales/none"} {
		if err := session.Subscribe(t.Context(), &sdk.SubscribeParams{URI: uri}); err == nil {
			t.Errorf("subscribed to %s", uri)
		}
	}
	current(t, r, uri)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "INSERT INTO orders VALUES (4, 'EU', 1, 'new')"); err != nil {
		t.Fatal(err)
	}
	if got := wait(t, "resources/updated", n.updated); got != uri {
		t.Errorf("updated %s", got)
	}
}

func sameSet(a, b string) bool {
	in := map[string]bool{}
	for part := range strings.SplitSeq(a, "|") {
		in[part] = true
	}
	for part := range strings.SplitSeq(b, "|") {
		if !in[part] {
			return false
		}
	}
	return true
}

func TestDatabasesRefused(t *testing.T) {
	dsn, _ := sales(t, "")
	notADatabase := filepath.Join(t.TempDir(), "text.db")
	put(t, notADatabase, strings.Repeat("this is text\n", 100))
	for name, c := range map[string]offer.Resource{
		"no file":     {DSN: "sqlite:" + filepath.Join(t.TempDir(), "absent.db"), RawSQL: true},
		"no database": {DSN: "sqlite:" + notADatabase, RawSQL: true},
		"a write":     {DSN: dsn, Queries: map[string]string{"q": "DELETE FROM orders"}},
		"two":         {DSN: dsn, Queries: map[string]string{"q": "SELECT 1; SELECT 2"}},
		"reserved":    {DSN: dsn, Queries: map[string]string{"q": "SELECT :query"}},
		"no dsn":      {DSN: "postgres://user:hunter2@:port", RawSQL: true},
	} {
		c.Name, c.Type = "sales", kindDatabase
		r, err := New(t.Context(), Options{Resources: []offer.Resource{c}})
		if err == nil {
			r.Close()
			t.Errorf("%s was opened", name)
		} else if !strings.Contains(err.Error(), `"sales"`) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
