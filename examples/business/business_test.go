package main

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/examples/business/service"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/openapi"
)

// connect starts the service and a server of its tools as mcp.yaml says.
func connect(t *testing.T, key string) *mcp.ClientSession {
	t.Helper()
	company := httptest.NewServer(service.Handler("demo"))
	t.Cleanup(company.Close)
	c, err := config.Load("mcp.yaml", func(name string) (string, bool) {
		value := map[string]string{"BUSINESS_URL": company.URL, "BUSINESS_KEY": key}[name]
		return value, value != ""
	})
	if err != nil {
		t.Fatal(err)
	}
	x, err := openapi.New(t.Context(), openapi.Options{Tools: c.Tools, APIs: c.APIs, Version: "1"})
	if err != nil {
		t.Fatal(err)
	}
	near, far := mcp.NewInMemoryTransports()
	server, err := x.Server().Connect(t.Context(), far, nil)
	if err != nil {
		t.Fatal(err)
	}
	session, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), near, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		session.Close()
		server.Wait()
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return session
}

// TestTools calls each tool.
func TestTools(t *testing.T) {
	s := connect(t, "demo")
	tests := []struct{ tool, arguments, want string }{
		{"crm.fetchCustomer", `{"id":"C-1001"}`, `{"email":"sky@customer.example","id":"C-1001","name":"김하늘","orders":12,"tier":"gold"}`},
		{"payment.initiate", `{"customerId":"C-1002","amount":12.5,"currency":"EUR"}`, `{"amount":12.5,"currency":"EUR","paymentId":"P-0001","status":"initiated"}`},
		{"sensor.read", `{"id":"press-7"}`, `{"kind":"temperature","sensorId":"press-7","unit":"°C","value":71.5}`},
		{"maintenance.schedule", `{"machineId":"press-7","date":"2027-01-31","task":"oil"}`, `{"date":"2027-01-31","machineId":"press-7","orderId":"M-0001","status":"scheduled"}`},
		{"catalog.search", `{"q":"bearing","limit":1}`, `{"items":[{"price":3.2,"sku":"B-7","title":"Bearing 7 mm"}],"total":1}`},
		{"user.profile", `{"id":"u-42"}`, `{"interests":["cycling","baking"],"language":"ko","name":"Min Seo","userId":"u-42"}`},
	}
	list, err := s.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, tool := range list.Tools {
		got = append(got, tool.Name)
		if tool.OutputSchema == nil || tool.Description == "" {
			t.Errorf("%s says nothing of what it answers", tool.Name)
		}
	}
	for _, tt := range tests {
		want = append(want, tt.tool)
		if text, isError := call(t, s, tt.tool, tt.arguments); text != tt.want || isError {
			t.Errorf("%s %s: %s, %v\nwant %s", tt.tool, tt.arguments, text, isError, tt.want)
		}
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("tools = %q, want %q", got, want)
	}
}

// TestFaults tells what is wrong with a call.
func TestFaults(t *testing.T) {
	s := connect(t, "demo")
	tests := []struct{ tool, arguments, want string }{
		{"crm.fetchCustomer", `{"id":"C-9999"}`, `the service answered 404 Not Found: {"error":"there is no customer \"C-9999\""}`},
		{"crm.fetchCustomer", `{"id":"../payments"}`, `/id`},
		{"payment.initiate", `{"customerId":"C-1002","amount":-1,"currency":"BTC"}`, `/amount`},
		{"sensor.read", `{"id":".."}`, `. or ..`},
		{"maintenance.schedule", `{"machineId":"press-7","date":"tomorrow","task":"oil"}`, `the date is not of the form`},
	}
	for _, tt := range tests {
		if text, isError := call(t, s, tt.tool, tt.arguments); !isError || !strings.Contains(text, tt.want) {
			t.Errorf("%s %s: %s, %v; want %s", tt.tool, tt.arguments, text, isError, tt.want)
		}
	}
	if text, isError := call(t, connect(t, "wrong"), "sensor.read", `{"id":"press-7"}`); !isError || !strings.Contains(text, "401 Unauthorized") {
		t.Errorf("with a wrong key: %s, %v", text, isError)
	}
}

func call(t *testing.T, s *mcp.ClientSession, tool, arguments string) (string, bool) {
	t.Helper()
	result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: json.RawMessage(arguments)})
	if err != nil {
		t.Fatalf("%s %s: %v", tool, arguments, err)
	}
	block, ok := result.Content[0].(*mcp.TextContent)
	if !ok {
		t.Fatalf("%s %s: %T", tool, arguments, result.Content[0])
	}
	return block.Text, result.IsError
}
