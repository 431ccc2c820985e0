package openapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/document"
)

// shop is a document with something of everything.
const shop = `
openapi: 3.0.3
info: {title: Shop, version: "1"}
servers: [{url: "URL/v1/"}]
paths:
  /customers/{id}:
    parameters:
      - {$ref: "#/components/parameters/Id"}
      - {name: X-Trace, in: header, schema: {type: string}}
      - {name: Authorization, in: header, schema: {type: string}}
    get:
      operationId: fetchCustomer
      summary: A customer
      description: Fetches a customer.
      parameters:
        - {name: fields, in: query, schema: {type: array, items: {type: string}}}
        - {name: short, in: query, explode: false, schema: {type: array, items: {type: string}}}
        - {name: spaced, in: query, style: spaceDelimited, explode: false, schema: {type: array, items: {type: string}}}
        - {name: where, in: query, style: deepObject, explode: true, schema: {type: object}}
        - {name: plain, in: query, schema: {type: object}}
        - {name: json, in: query, content: {application/json: {schema: {type: object}}}}
        - {name: id, in: query, schema: {type: string}}
        - {name: "filter[name]", in: query, schema: {type: string}}
        - {name: session, in: cookie, schema: {type: string}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Customer"}}}}
        "404": {description: no}
    delete:
      deprecated: true
      responses: {"204": {description: gone}}
  /orders:
    post:
      operationId: order place
      requestBody:
        required: true
        content:
          application/json:
            schema: {$ref: "#/components/schemas/Order"}
      responses: {default: {description: ok}}
    put:
      operationId: replaceOrders
      requestBody: {required: true, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Order"}}}}}
      responses: {"200": {description: ok}}
    patch:
      operationId: form
      requestBody: {content: {application/x-www-form-urlencoded: {schema: {type: object, properties: {a: {type: string}, b: {type: array, items: {type: string}}}}}}}
      responses: {"200": {description: ok}}
  /upload:
    post:
      operationId: upload
      requestBody: {required: true, content: {multipart/form-data: {schema: {type: object}}}}
      responses: {"200": {description: ok}}
  /elsewhere:
    get: {operationId: elsewhere, servers: [{url: "https://evil.example"}], responses: {}}
  /remote:
    get: {operationId: remote, parameters: [{name: a, in: query, schema: {$ref: "https://evil.example/x.json"}}], responses: {}}
  /forgotten/{x}:
    get: {operationId: forgotten, responses: {}}
  /matrix/{x}:
    get: {operationId: matrix, parameters: [{name: x, in: path, style: matrix, required: true, schema: {type: string}}], responses: {}}
components:
  parameters:
    Id: {name: id, in: path, required: true, description: Number of the customer, schema: {type: integer, minimum: 0, exclusiveMinimum: true}}
  schemas:
    Customer:
      type: object
      required: [name, secret]
      properties:
        name: {type: string, nullable: true, example: Kim, x-internal: true}
        kind: {type: string, enum: [a, b], nullable: true}
        secret: {type: string, writeOnly: true}
        parent: {$ref: "#/components/schemas/Customer"}
        lookahead: {type: string, pattern: "^(?!x).*$"}
    Order:
      type: object
      required: [item, id]
      properties:
        id: {type: string, readOnly: true}
        item: {type: string}
        count: {type: integer, default: 1}
        customer: {$ref: "#/components/schemas/Customer"}
`

func TestAPIList(t *testing.T) {
	s := open(t, load(t, "apis: {shop: {openapi: openapi.yaml, url: \"https://shop.example.com/v1\"}}", "https://shop.example.com", "openapi.yaml", shop))
	list, err := s.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, tool := range list.Tools {
		out, err := json.Marshal(tool)
		if err != nil {
			t.Fatal(err)
		}
		got[tool.Name] = string(out)
	}
	const customer = `{"properties":{"kind":{"enum":["a","b",null],"type":["string","null"]},"lookahead":{"type":"string"},"name":{"type":["string","null"]},"parent":{"$ref":"#/$defs/Customer"}},"required":["name"],"type":"object"}`
	want := map[string]string{
		"shop.fetchCustomer": `{"annotations":{"destructiveHint":false,"idempotentHint":true,"readOnlyHint":true},"description":"Fetches a customer.","inputSchema":{"additionalProperties":false,"properties":{` +
			`"X-Trace":{"type":"string"},"fields":{"items":{"type":"string"},"type":"array"},"filter_name":{"type":"string"},"id":{"description":"Number of the customer","exclusiveMinimum":0,"type":"integer"},"id_query":{"type":"string"},` +
			`"json":{"type":"object"},"plain":{"type":"object"},"session":{"type":"string"},"short":{"items":{"type":"string"},"type":"array"},"spaced":{"items":{"type":"string"},"type":"array"},"where":{"type":"object"}},"required":["id"],"type":"object"},` +
			`"name":"shop.fetchCustomer","outputSchema":{"$defs":{"Customer":` + customer + `},` + customer[1:] + `,"title":"A customer"}`,
		"shop.delete_customers_id": `{"annotations":{"destructiveHint":true,"idempotentHint":true,"readOnlyHint":false},"description":"Deprecated. DELETE /customers/{id}","inputSchema":{"additionalProperties":false,"properties":{"X-Trace":{"type":"string"},` +
			`"id":{"description":"Number of the customer","exclusiveMinimum":0,"type":"integer"}},"required":["id"],"type":"object"},"name":"shop.delete_customers_id"}`,
		"shop.order_place": `{"annotations":{"idempotentHint":false,"readOnlyHint":false},"description":"POST /orders","inputSchema":{"$defs":{"Customer":{"properties":{"kind":{"enum":["a","b",null],"type":["string","null"]},"lookahead":{"type":"string"},"name":{"type":["string","null"]},"parent":{"$ref":"#/$defs/Customer"},"secret":{"type":"string"}},"required":["name","secret"],"type":"object"}},` +
			`"additionalProperties":false,"properties":{"count":{"default":1,"type":"integer"},"customer":{"$ref":"#/$defs/Customer"},"item":{"type":"string"}},"required":["item"],"type":"object"},"name":"shop.order_place"}`,
		"shop.replaceOrders": "", "shop.form": "", "shop.elsewhere": "",
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is offered", name)
		}
	}
	for name, w := range want {
		if diff := cmp.Diff(w, got[name]); diff != "" && (w != "" || got[name] == "") {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestAPICall(t *testing.T) {
	e := newEcho(t)
	s := open(t, load(t, `apis: {shop: {openapi: openapi.yaml, prefix: "", url: "URL/v1", headers: {X-Api-Key: "${KEY}", x-trace: ours}}}`, e.URL, "openapi.yaml", shop))
	tests := []struct{ tool, arguments, want string }{
		{"fetchCustomer", `{"id":7}`, "GET /v1/customers/7"},
		{"fetchCustomer", `{"id":7,"fields":["a,b","c d"],"short":["a,b","c"],"spaced":["a","b"]}`, "GET /v1/customers/7?fields=a%2Cb&fields=c%20d&short=a%2Cb,c&spaced=a%20b"},
		{"fetchCustomer", `{"id":7,"where":{"a":1,"b&c":"d=e"},"plain":{"x":true},"json":{"k":[1]},"id_query":"q","filter_name":"n"}`, "GET /v1/customers/7?where%5Ba%5D=1&where%5Bb%26c%5D=d%3De&x=true&json=%7B%22k%22%3A%5B1%5D%7D&id=q&filter%5Bname%5D=n"},
		{"delete_customers_id", `{"id":18446744073709551616,"X-Trace":"theirs"}`, "DELETE /v1/customers/18446744073709551616"},
		{"order_place", `{"item":"a\"b"}`, `POST /v1/orders {"count":1,"item":"a\"b"}`},
		{"order_place", `{"item":"a","count":1.0,"customer":{"name":null,"secret":"s"}}`, `POST /v1/orders {"count":1.0,"customer":{"name":null,"secret":"s"},"item":"a"}`},
		{"replaceOrders", `{"body":[{"item":"a"}]}`, `PUT /v1/orders [{"item":"a"}]`},
		{"form", `{"a":"x&y=z","b":["1","2"]}`, `PATCH /v1/orders a=x%26y%3Dz&b=1&b=2`},
		{"form", `{}`, `PATCH /v1/orders`},
	}
	for _, tt := range tests {
		text, _, isError := call(t, s, tt.tool, tt.arguments)
		got, asked := e.last()
		if said := strings.TrimSpace(fmt.Sprint(got.Method, " ", got.Target, " ", got.Body)); isError || !asked || said != tt.want {
			t.Errorf("%s %s: %s\nwant %s\n(%s)", tt.tool, tt.arguments, said, tt.want, text)
		}
		if got.Header.Get("X-Api-Key") != "s3cret" || got.Header.Get("X-Trace") != "ours" {
			t.Errorf("headers: %v", got.Header)
		}
	}
	for _, tt := range []struct{ tool, arguments string }{
		{"fetchCustomer", `{"id":".."}`},
		{"fetchCustomer", `{"id":0}`},
		{"fetchCustomer", `{}`},
		{"fetchCustomer", `{"id":7,"session":["a"]}`},
		{"fetchCustomer", `{"id":7,"Authorization":"Bearer x"}`},
		{"order_place", `{"item":"a","id":"mine"}`},
		{"order_place", `{"item":"a","extra":1}`},
		{"replaceOrders", `{}`},
	} {
		if text, _, isError := call(t, s, tt.tool, tt.arguments); !isError {
			t.Errorf("%s %s: %s", tt.tool, tt.arguments, text)
		}
		if got, asked := e.last(); asked {
			t.Errorf("%s %s asked for %s", tt.tool, tt.arguments, got.Target)
		}
	}
}

func TestAPIOperations(t *testing.T) {
	tests := []struct {
		rules string
		want  []string
	}{
		{`{allow: [fetch*]}`, []string{"shop.fetchCustomer"}},
		{`{allow: ["GET *"]}`, []string{"shop.fetchCustomer"}},
		{`{allow: ["* /orders"], deny: [form, "PUT *"]}`, []string{"shop.order_place"}},
		{`{deny: ["*"], allow: ["*"]}`, nil},
		{`{allow: [fetchCustomer, order*], rename: {fetchCustomer: customer, "order place": order}}`, []string{"shop.customer", "shop.order"}},
	}
	for _, tt := range tests {
		x, err := New(t.Context(), load(t, `apis: {shop: {openapi: openapi.yaml, private: true, operations: `+tt.rules+`}}`, "http://127.0.0.1:1", "openapi.yaml", shop))
		if tt.want == nil {
			if err == nil || !strings.Contains(err.Error(), "no operation to offer") {
				t.Errorf("%s: %v", tt.rules, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := names(t, x); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.rules, got, tt.want)
		}
		x.Close()
	}
}

func names(t *testing.T, x *OpenAPI) []string {
	t.Helper()
	list, err := connect(t, x).ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, tool := range list.Tools {
		got = append(got, tool.Name)
	}
	return got
}

func TestAPIRefuses(t *testing.T) {
	const one = "openapi: 3.1.0\nservers: [{url: SERVER}]\npaths: {/a: {get: {operationId: a, responses: {}}}}\n"
	tests := []struct{ document, want string }{
		{"swagger: '2.0'", "Swagger 2.0"},
		{"openapi: 4.0.0", "not of OpenAPI 3"},
		{"[", "cannot be parsed"},
		{`{"openapi": "3.0.0"`, "reading JSON"},
		{"openapi: 3.1.0", "no server"},
		{strings.ReplaceAll(one, "SERVER", "/v1"), "not an http or https URL"},
		{strings.ReplaceAll(one, "SERVER", `"https://{host}/v1"`), "no URL"},
		{strings.ReplaceAll(one, "SERVER", `"https://u:p@a.example/v1"`), "not an http or https URL"},
		{strings.ReplaceAll(one, "SERVER", `"file:///etc"`), "not an http or https URL"},
		{strings.ReplaceAll(one, "SERVER", `"https://a.example"`) + "components: " + strings.Repeat("[", 90), "nests deeper"},
		{strings.ReplaceAll(one, "SERVER", `"https://a.example"`) + "x: &a [1,1,1,1,1,1,1,1,1,1]\n" + bomb(), "aliases make more"},
		{`{"openapi":"3.1.0","x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, "nests deeper"},
		{"openapi: 3.1.0\nservers: [{url: \"https://a.example\"}]\npaths: {/a: {$ref: \"#/paths/~1b\"}, /b: {$ref: \"#/paths/~1a\"}}", "circle"},
		{"openapi: 3.1.0\nservers: [{url: \"https://a.example\"}]\npaths: {/a: {$ref: \"other.yaml#/x\"}}", "another document"},
		{"openapi: 3.1.0\nservers: [{url: \"https://a.example\"}]\npaths: {/a: {$ref: \"#/nowhere\"}}", "leads nowhere"},
	}
	for _, tt := range tests {
		begin := time.Now()
		x, err := New(t.Context(), load(t, "apis: {a: {openapi: openapi.yaml}}", "", "openapi.yaml", tt.document))
		if err == nil {
			x.Close()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "apis.a") {
			t.Errorf("%.80s: %v; want %s", tt.document, err, tt.want)
		}
		if time.Since(begin) > 5*time.Second {
			t.Errorf("%.80s: took %s", tt.document, time.Since(begin))
		}
	}
}

func bomb() string {
	var out strings.Builder
	for i := range 10 {
		fmt.Fprintf(&out, "b%d: &b%d [%s*%s]\n", i, i, strings.Repeat("*"+[]string{"a", fmt.Sprintf("b%d", i-1)}[min(i, 1)]+",", 9), []string{"a", fmt.Sprintf("b%d", i-1)}[min(i, 1)])
	}
	return out.String()
}

// TestAPICycles has schemas that lead to themselves: they are offered where they say something, and nothing runs forever.
func TestAPICycles(t *testing.T) {
	const doc = `{"openapi":"3.1.0","servers":[{"url":"https://a.example"}],
		"paths":{"/tree":{"post":{"operationId":"tree","requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Tree"}}}},"responses":{}}},
			"/loop":{"post":{"operationId":"loop","requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Loop"}}}},"responses":{}}},
			"/self":{"post":{"operationId":"self","parameters":[{"name":"a","in":"query","schema":{"$ref":"#/components/schemas/Self"}}],"responses":{}}}},
		"components":{"schemas":{"Tree":{"type":"object","properties":{"left":{"$ref":"#/components/schemas/Tree"},"right":{"$ref":"#/components/schemas/Tree"}}},
			"Loop":{"$ref":"#/components/schemas/Loop"},"Self":{"allOf":[{"$ref":"#/components/schemas/Self"}]}}}}`
	s := open(t, load(t, `apis: {a: {openapi: openapi.json, prefix: ""}}`, "", "openapi.json", doc))
	list, err := s.ListTools(t.Context(), nil)
	if err != nil || len(list.Tools) < 1 || list.Tools[len(list.Tools)-1].Name != "tree" {
		t.Fatalf("%v, %v", list, err)
	}
	for _, tool := range list.Tools {
		if tool.Name == "self" {
			if text, _, isError := call(t, s, "self", `{"a":"x"}`); !isError {
				t.Errorf("a schema that only leads to itself: %s", text)
			}
		}
	}
}

// TestAPIWeb reads a document from the web, also when it is late, and takes over what changes.
func TestAPIWeb(t *testing.T) {
	var state atomic.Int32
	service := httptest.NewServer(nil)
	defer service.Close()
	service.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/openapi.yaml" {
			fmt.Fprint(w, "hello")
			return
		}
		switch state.Load() {
		case 0:
			w.WriteHeader(http.StatusServiceUnavailable)
			state.Store(1)
		default:
			fmt.Fprint(w, "openapi: 3.1.0\nservers: [{url: /v1}]\npaths: {/a: {get: {operationId: a, responses: {}}}}\n")
		}
	})
	x, err := New(t.Context(), load(t, `apis: {web: {openapi: "URL/openapi.yaml"}, other: {openapi: "URL/openapi.yaml"}}`, service.URL))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	deadline := time.After(20 * time.Second)
	for len(names(t, x)) < 2 {
		select {
		case <-deadline:
			t.Fatalf("tools: %q", names(t, x))
		case <-time.After(50 * time.Millisecond):
		}
	}
	for _, tool := range []string{"web.a", "other.a"} {
		if text, _, isError := call(t, connect(t, x), tool, `{}`); text != "hello" || isError {
			t.Errorf("%s: %q, %v", tool, text, isError)
		}
	}
}

// TestAPIPrivate holds that a document alone does not open what is not public.
func TestAPIPrivate(t *testing.T) {
	e := newEcho(t)
	for yaml, open := range map[string]bool{
		`apis: {a: {openapi: openapi.yaml}}`: false, `apis: {a: {openapi: openapi.yaml, private: true}}`: true, `apis: {a: {openapi: openapi.yaml, url: "URL"}}`: true,
	} {
		x, err := New(t.Context(), load(t, yaml, e.URL, "openapi.yaml", "openapi: 3.1.0\nservers: [{url: URL}]\npaths: {/a: {get: {operationId: a, responses: {}}}}\n"))
		if err != nil {
			t.Fatal(err)
		}
		text, _, isError := call(t, connect(t, x), "a.a", `{}`)
		if isError == open || isError && !strings.Contains(text, "is not a public address") {
			t.Errorf("%s: %q, %v", yaml, text, isError)
		}
		x.Close()
	}
}

// TestAPIOtherHost holds that a document from the web cannot have credentials sent elsewhere.
func TestAPIOtherHost(t *testing.T) {
	s := &spec{root: map[string]any{"servers": []any{map[string]any{"url": "https://evil.example/v1"}}}}
	if base, err := s.base("", "https://good.example/openapi.json"); err == nil {
		t.Errorf("the service is at %s", base)
	}
	if base, err := s.base("https://good.example/v2", "https://good.example/openapi.json"); err != nil || base != "https://good.example/v2" {
		t.Errorf("%s, %v", base, err)
	}
	s.root["servers"] = []any{map[string]any{"url": "../v1"}}
	if base, err := s.base("", "https://good.example/docs/openapi.json"); err != nil || base != "https://good.example/v1" {
		t.Errorf("%s, %v", base, err)
	}
}

// TestAPIFile takes over a document that changes, and keeps the one before when it is bad.
func TestAPIFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "openapi.yaml")
		write := func(text string) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		const doc = "openapi: 3.1.0\nservers: [{url: \"https://a.example\"}]\npaths: {/a: {get: {operationId: NAME, responses: {}}}, /b: {get: {operationId: b, responses: {}}}}\n"
		write(strings.ReplaceAll(doc, "NAME", "one"))
		a := offer.API{Name: "api", OpenAPI: path, Timeout: time.Second, MaxBytes: document.Size(1000)}
		x, err := New(t.Context(), Options{APIs: []offer.API{a}})
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		for _, step := range []struct{ text, want string }{
			{"", "b,one"}, {strings.ReplaceAll(doc, "NAME", "two"), "b,two"}, {"openapi: [", "b,two"}, {strings.ReplaceAll(doc, "NAME", "b"), "b"}, {strings.ReplaceAll(doc, "NAME", "three"), "b,three"},
		} {
			if step.text != "" {
				write(step.text)
				time.Sleep(2 * fileEvery)
				synctest.Wait()
			}
			x.mu.Lock()
			var got []string
			for name := range x.owners {
				got = append(got, name)
			}
			x.mu.Unlock()
			slices.Sort(got)
			if strings.Join(got, ",") != step.want {
				t.Errorf("tools = %q, want %s", got, step.want)
			}
		}
	})
}

func TestMatches(t *testing.T) {
	tests := []struct {
		pattern, s string
		want       bool
	}{
		{"a", "a", true},
		{"a", "ab", false},
		{"*", "", true},
		{"a*", "ab", true},
		{"*b", "ab", true},
		{"a*c*e", "abcde", true},
		{"a*c*e", "abde", false},
		{"a*a", "a", false},
		{"GET /*", "GET /x/y", true},
		{"*a*a*", "aa", true},
		{"*a*a*", "a", false},
		{"**", "x", true},
	}
	for _, tt := range tests {
		if got := matches(tt.pattern, tt.s); got != tt.want {
			t.Errorf("matches(%q, %q) = %v", tt.pattern, tt.s, got)
		}
	}
}

// FuzzSpec reads documents: none panics, and what becomes a tool has a schema that is one.
func FuzzSpec(f *testing.F) {
	f.Add([]byte(shop))
	f.Add([]byte(`{"openapi":"3.1.0","servers":[{"url":"https://a.example"}],"paths":{"/{a}":{"parameters":[{"name":"a","in":"path","schema":true}],"get":{"responses":{"200":{"content":{"application/json":{"schema":{"type":"object"}}}}}}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseSpec("openapi.yaml", data)
		if err != nil {
			return
		}
		operations, err := s.operations()
		if err != nil {
			return
		}
		for i := range operations {
			tool, _, err := s.tool(&operations[i], &offer.API{URL: "https://a.example", Prefix: "a"}, "https://a.example")
			if err == nil && (len(tool.About.Name) > longestName || !json.Valid(tool.Input.JSON())) {
				t.Errorf("%q: %s", tool.About.Name, tool.Input.JSON())
			}
		}
	})
}
