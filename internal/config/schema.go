package config

import (
	_ "embed"
	"reflect"

	"github.com/sumun-mcp/sumun/internal/config/belief"
	"github.com/sumun-mcp/sumun/internal/config/confine"
	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/config/suppress"
	"github.com/sumun-mcp/sumun/internal/document"
)

// The structs' own sources: their comments are the schema's descriptions.
var (
	//go:embed config.go
	configSource string
	//go:embed server.go
	serverSource string
	//go:embed routing.go
	routingSource string
	//go:embed roots.go
	rootsSource string
	//go:embed limits.go
	limitsSource string
	//go:embed audit.go
	auditSource string
	//go:embed tls.go
	tlsSource string
	//go:embed approvals.go
	approvalsSource string
	//go:embed scopes.go
	scopesSource string
	//go:embed credentials.go
	credentialsSource string
	//go:embed oauth.go
	oauthSource string
	//go:embed guard.go
	guardSource string
	//go:embed alerts.go
	alertsSource string
)

// Schema returns the JSON Schema (draft 2020-12) of mcp.yaml, made from Config. It knows what can be said of the file alone: not whether
// a variable is set, nor whether a file exists.
func Schema() []byte {
	return grammar.Schema(reflect.TypeFor[Config](), document.Description{
		Title:   "Sumun configuration (mcp.yaml)",
		Sources: append(offer.Sources(), configSource, serverSource, rootsSource, routingSource, limitsSource, scopesSource, auditSource, tlsSource, credentialsSource, oauthSource, alertsSource, approvalsSource, guardSource, suppress.Source(), belief.Source(), confine.Source()),
		Rules:   rules,
	})
}

// listenPattern is what listen looks like, as far as that can be told without looking further.
const listenPattern = `^(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]*):[0-9]{1,5}$`

// rules says of whole types, by their name, and of single fields, by "Type.Field", what their tags do not say.
var rules = with(offer.Rules, map[string]document.Schema{
	"Config": {
		"not":               document.Schema{"required": []string{"listen"}}.With(document.HasAny("port", "host")),
		"dependentRequired": document.Schema{"oauth": []string{"publicURL"}},
	},
	"OAuth":         {"required": []string{"issuers"}},
	"Issuer":        {"required": []string{"issuer"}},
	"Config.APIKey": {"minLength": 1},
	"Config.Listen": {"pattern": listenPattern},
	"Config.Store":  {"pattern": `^(sqlite:.+|postgres(ql)?://.+)$`},
	"TLS": {
		"if": encrypts, "then": document.Schema{"required": []string{"certFile", "keyFile"}, "properties": document.Schema{"terminated": document.OrVariable(document.Schema{"const": false})}},
		"else":              document.Schema{"not": document.HasAny("clientCAFile")},
		"dependentRequired": document.Schema{"crlFile": asking, "clientAuth": asking, "identities": asking},
	},
	"Server": {"type": "object", "oneOf": []document.Schema{stdioServer, remoteServer}},
})

// asking is what it takes to ask clients for certificates.
var asking = []string{"clientCAFile"}

// encrypts is the schema of a tls that the gateway is to do itself.
var encrypts = document.Schema{"anyOf": []document.Schema{
	{"required": []string{"enabled"}, "properties": document.Schema{"enabled": document.Schema{"const": true}}},
	{"required": []string{"certFile"}, "not": document.Schema{"required": []string{"enabled"}}},
	{"required": []string{"keyFile"}, "not": document.Schema{"required": []string{"enabled"}}},
}}

// The sorts of servers.
var (
	stdioServer = document.Schema{
		"required": []string{"command"}, "not": document.HasAny("headers", "url", "replicas"),
		"properties": document.Schema{"type": document.OrVariable(document.Schema{"const": "stdio"})},
	}
	remoteServer = document.Schema{
		"required": []string{"url"}, "not": document.HasAny(append([]string{"command"}, local...)...),
		"anyOf": []document.Schema{at("^http", "http", "streamable-http", "sse"), at("^ws", "websocket", "ws")},
	}
)

// at is the schema of servers at URLs of that pattern, which are of one of the types.
func at(pattern string, types ...string) document.Schema {
	return document.Schema{"properties": document.Schema{
		"url":  document.OrVariable(document.Schema{"pattern": pattern}),
		"type": document.OrVariable(document.Schema{"enum": types}),
	}}
}
