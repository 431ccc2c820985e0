package server_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"go/token"
	"go/types"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver of example.db

	"github.com/sumun-mcp/sumun/client"
	"github.com/sumun-mcp/sumun/server"
)

// The seed's TypeScript sample (section 4.3): a tool that asks a service, a resource that reads a file, and scopes.
func Example() {
	dir, weatherURL, end := surroundings()
	defer end()
	apiKey := os.Getenv("MCP_API_KEY") // empty here: the key is the one that the server makes

	srv, err := server.New(server.Options{Addr: "127.0.0.1:0", APIKey: apiKey, Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}

	type Place struct {
		Location string `json:"location" jsonschema:"the name of a city"`
	}
	type Weather struct {
		Temperature float64 `json:"temperature"`
		Condition   string  `json:"condition"`
	}
	server.RegisterTool(srv, "weather.getCurrent", func(ctx context.Context, args Place, _ *server.Context) (Weather, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, weatherURL+"/v3/"+url.PathEscape(args.Location), nil)
		if err != nil {
			return Weather{}, err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return Weather{}, err
		}
		defer func() { _ = resp.Body.Close() }()
		var data struct {
			Temp float64 `json:"temp"`
			Text string  `json:"text"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&data); err != nil {
			return Weather{}, fmt.Errorf("reading the answer of the service: %w", err)
		}
		return Weather{Temperature: data.Temp, Condition: data.Text}, nil
	}, server.Description("The weather in a city, now"), server.ReadOnly())

	type File struct {
		Path string `json:"path" jsonschema:"below the directory of the server"`
	}
	type Content struct {
		Content string `json:"content"`
	}
	files, err := os.OpenRoot(dir) // nothing outside of it can be read
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = files.Close() }()
	server.RegisterResource(srv, "file.read", func(_ context.Context, params File, _ *server.Context) (Content, error) {
		data, err := files.ReadFile(params.Path)
		if errors.Is(err, os.ErrNotExist) {
			return Content{}, server.ErrNotFound
		}
		return Content{Content: string(data)}, err
	})

	srv.DefineScope("read:file", "file.read")
	srv.DefineScope("invoke:weather_api", "weather.getCurrent")

	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Start(ctx) }() // a program that does nothing else just returns srv.Start(ctx)

	call(ctx, srv, dir, func(c *client.Client) error {
		now, err := client.Call[Weather](ctx, c, "weather.getCurrent", Place{Location: "Seoul"})
		if err != nil {
			return err
		}
		fmt.Printf("%.1f, %s\n", now.Temperature, now.Condition)
		note, err := c.Read(ctx, "sumun://file.read?path=note.txt")
		if err != nil {
			return err
		}
		fmt.Println(note.Text())
		return nil
	})
	stop()
	fmt.Println(<-ended)
	// Output:
	// 21.5, clear
	// {"content":"Guard the gate."}
	// <nil>
}

// The seed's Python sample (section 4.4): a calculator, and rows of a database.
func Example_database() {
	dir, _, end := surroundings()
	defer end()

	srv, err := server.New(server.Options{Addr: "127.0.0.1:0", Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}

	type Expression struct {
		Expression string `json:"expression" jsonschema:"constants and operators of Go"`
	}
	type Result struct {
		Result string `json:"result"`
	}
	server.RegisterTool(srv, "calc.evaluate", func(_ context.Context, args Expression, _ *server.Context) (Result, error) {
		value, err := types.Eval(token.NewFileSet(), nil, token.NoPos, args.Expression) // which calls nothing
		if err != nil || value.Value == nil {
			return Result{}, fmt.Errorf("%q is not an expression of constants", args.Expression)
		}
		return Result{Result: value.Value.String()}, nil
	}, server.ReadOnly(), server.ClosedWorld())

	db, err := sql.Open("sqlite", filepath.Join(dir, "example.db"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = db.Close() }()
	type Query struct {
		Region string `json:"region"`
	}
	type Row struct {
		City string `json:"city"`
		Sold int    `json:"sold"`
	}
	type Rows struct {
		Rows []Row `json:"rows"`
	}
	server.RegisterResource(srv, "db.query", func(ctx context.Context, params Query, _ *server.Context) (out Rows, err error) {
		rows, err := db.QueryContext(ctx, "SELECT city, sold FROM sales WHERE region = $1 ORDER BY sold DESC", params.Region)
		if err != nil {
			return Rows{}, err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var r Row
			if err := rows.Scan(&r.City, &r.Sold); err != nil {
				return Rows{}, err
			}
			out.Rows = append(out.Rows, r)
		}
		return out, rows.Err()
	})

	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Start(ctx) }()
	call(ctx, srv, dir, func(c *client.Client) error {
		sum, err := client.Call[Result](ctx, c, "calc.evaluate", Expression{Expression: "2*(3+4)"})
		if err != nil {
			return err
		}
		fmt.Println(sum.Result)
		answer, err := c.Query(ctx, "db.query", Query{Region: "서울"})
		if err != nil {
			return err
		}
		var rows Rows
		if err := json.Unmarshal(answer, &rows); err != nil {
			return err
		}
		fmt.Println(rows.Rows)
		return nil
	})
	stop()
	fmt.Println(<-ended)
	// Output:
	// 14
	// [{강남 7} {종로 3}]
	// <nil>
}

// A prompt is what a prompt file holds: a template, with front matter where it needs any.
func ExampleServer_RegisterPrompt() {
	dir, _, end := surroundings()
	defer end()
	srv, err := server.New(server.Options{Addr: "127.0.0.1:0", Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	srv.RegisterPrompt("greet", `---
arguments:
  - {name: name, required: true}
  - {name: language, enum: [en, ko], default: en}
sampling: {temperature: 0.7}
---
{% if language == "ko" %}{{ name }}님께 인사해 주세요.{% else %}Greet {{ name }}.{% endif %}
`)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- srv.Start(ctx) }()
	call(ctx, srv, dir, func(c *client.Client) error {
		greeting, err := c.Render(ctx, "greet", map[string]any{"name": "수문", "language": "ko"})
		if err != nil {
			return err
		}
		for _, m := range greeting.Messages {
			fmt.Println(m.Role+":", m.Text())
		}
		return nil
	})
	stop()
	fmt.Println(<-ended)
	// Output:
	// user: 수문님께 인사해 주세요.
	// <nil>
}

// surroundings are what the examples stand in: a directory with a note and a database, and a service.
func surroundings() (dir, weatherURL string, end func()) {
	dir, err := os.MkdirTemp("", "sumun")
	must(err)
	must(os.WriteFile(filepath.Join(dir, "note.txt"), []byte("Guard the gate."), 0o600))
	db, err := sql.Open("sqlite", filepath.Join(dir, "example.db"))
	must(err)
	_, err = db.ExecContext(context.Background(),
		"CREATE TABLE sales (region TEXT, city TEXT, sold BIGINT); INSERT INTO sales VALUES ('서울','종로',3), ('서울','강남',7), ('부산','해운대',5)")
	must(errors.Join(err, db.Close()))
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"temp":21.5,"text":"clear"}`)
	}))
	return dir, service.URL, func() {
		service.Close()
		must(os.RemoveAll(dir))
	}
}

// call calls a server with the key that it has made.
func call(ctx context.Context, srv *server.Server, dir string, do func(*client.Client) error) {
	endpoint, err := srv.Ready(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := os.ReadFile(filepath.Join(dir, ".sumun", "local.key"))
	must(err)
	c, err := client.Dial(ctx, endpoint, client.WithKey(strings.TrimSpace(string(key))))
	must(err)
	defer c.Close()
	if err := do(c); err != nil {
		fmt.Println(err)
	}
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
