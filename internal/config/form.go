package config

import (
	"maps"
	"regexp"

	"github.com/sumun-mcp/sumun/internal/config/confine"
	"github.com/sumun-mcp/sumun/internal/config/offer"
	"github.com/sumun-mcp/sumun/internal/document"
)

// grammar is what mcp.yaml holds beyond its structs.
var grammar = &document.Grammar{Forms: forms, Elsewhere: elsewhere, Secret: []string{"env", "headers"}}

// forms are the forms that the tags form and key name, besides those of what the gateway offers itself.
var forms = with(with(offer.Forms, confine.Forms), map[string]document.Form{
	"some": {Pattern: regexp.MustCompile(`\S`), Message: "is empty"},

	"name":   {Pattern: regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`), Message: "cannot be a name here", Hint: "use letters, digits, _ and -, at most 64"},
	"prefix": {Pattern: regexp.MustCompile(`^[A-Za-z0-9_.-]{0,64}$`), Message: "cannot stand before the names of tools", Hint: "use letters, digits, _, - and dots, at most 64"},
	"own":    {Pattern: regexp.MustCompile(`^(apiKey|local)$`), Message: "is not the name of a key", Hint: "use apiKey, or local for the one that the gateway makes itself"},
	"tool":   {Pattern: regexp.MustCompile(`^[A-Za-z0-9_.-]{1,128}$`), Message: "cannot be the name of a tool", Hint: "use letters, digits, _, - and dots, at most 128"},
	"env":    {Pattern: regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`), Message: "cannot be the name of an environment variable", Hint: "use letters, digits and _"},

	"scope": {Pattern: regexp.MustCompile(`^[!#-\[\]-~]+$`), Message: "cannot be the name of a scope", Hint: "write it like read:file or invoke:weather_api, without spaces, quotes and backslashes"},
	"word":  {Pattern: regexp.MustCompile(`^[^\s\x00-\x1f\x7f]+$`), Message: "is empty or has a space, which no name has", Hint: "write one name or pattern for each element of the list"},
	"words": {Pattern: regexp.MustCompile(`^[^\s\x00-\x1f\x7f]+( [^\s\x00-\x1f\x7f]+)*$`), Message: "is no name, URL or command line", Hint: "write one server for each element of the list, a command with one blank between its words"},
	"stars": {Pattern: regexp.MustCompile(`^[^?\[\]{}]*$|://`), Message: "has a character that no name has", Hint: "only * stands for others; write an element for each pattern"},

	"syslog": {Pattern: regexp.MustCompile(syslogPattern), Message: "is not the address of a syslog collector", Hint: "write unix:///dev/log, udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT"},

	"san":    {Pattern: regexp.MustCompile(`^[!-~]+$`), Message: "cannot stand in a certificate", Hint: "write it in ASCII, with * for some characters"},
	"issuer": issuerForm,
	"jwks":   jwksForm,

	"rate": {Pattern: regexp.MustCompile(ratePattern), Message: "is not a rate", Hint: "write a number for each s, m or h, such as 50/s"},
	"flow": {Pattern: regexp.MustCompile(flowPattern), Message: "is not a number of bytes for each second, minute or hour", Hint: "write it like 10MiB/s"},

	"key":    {Pattern: regexp.MustCompile(`^[!-~]*$`), Message: "has a character that an Authorization header cannot carry", Hint: "use letters, digits and punctuation, without spaces"},
	"header": {Pattern: regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"), Message: "cannot be the name of a header"},                                  // RFC 9110 section 5.6.2
	"line":   {Pattern: regexp.MustCompile(`^[^\x00-\x08\x0a-\x1f\x7f]*$`), Message: "has a line break or another character that a header cannot carry"}, // RFC 9110 section 5.5

	"kind":      {Pattern: regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`), Message: "cannot be the name of a kind of secrets", Hint: "use small letters, digits and dashes, at most 40"},
	"scheme":    {Pattern: regexp.MustCompile(`^[a-z][a-z0-9+.-]*$`), Message: "is not the scheme of a URL", Hint: "write it like https"},
	"guardhost": {Pattern: regexp.MustCompile(`^(\*\.)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$`), Message: "is not a host", Hint: "write example.com, *.example.com, or example.com:8443"},

	"url":     {Pattern: regexp.MustCompile(`^(https?|wss?)://[^/?#\s]+[^\s]*$`), Message: "is not an http, https, ws or wss URL", Hint: "write it like https://issues.example.com/mcp"},
	"keyless": {Pattern: regexp.MustCompile(`^[^@]*$|^[a-z]+://[^/?#@]*[/?#]`), Message: "has credentials in it", Hint: "put them under headers: {Authorization: …}"},
	"whole":   {Pattern: regexp.MustCompile(`^[^#]*$`), Message: "has a fragment (#), which is never sent", Hint: "remove it"},
	"public":  {Pattern: regexp.MustCompile(`^https?://[^/?#@\s]+[^?#\s]*$`), Message: "is not an address for clients", Hint: "write it like https://mcp.example.com"},
	"origin":  {Pattern: regexp.MustCompile(`^https?://[^/?#@\s]+$`), Message: "is not an origin", Hint: "write scheme://host or scheme://host:port, such as https://app.example.com"},
})

// with returns all of both.
func with[V any](one, other map[string]V) map[string]V {
	all := maps.Clone(one)
	maps.Copy(all, other)
	return all
}

// elsewhere says what the keys of other programs' files are called here.
var elsewhere = map[string]string{
	"serverUrl":       "write url",
	"httpUrl":         "write url",
	"transport":       "write type",
	"cmd":             "write command, and args for its arguments",
	"environment":     "write env",
	"envs":            "write env",
	"envFile":         "write each variable under env: ${VAR} takes it from the environment, ${file:PATH} from a file",
	"enabled":         "write disabled: true for a server that is to stay out",
	"timeout":         "write tools: {timeout: 30s}, startTimeout or maxRuntime",
	"alwaysAllow":     "write tools: {allow: [...]} to say which tools are offered",
	"autoApprove":     "write tools: {allow: [...]} to say which tools are offered",
	"includeTools":    "write tools: {allow: [...]}",
	"inputs":          "write ${VAR} where the value is needed, and set the variable",
	"context_servers": "write servers",
	"mcp_servers":     "write servers",
	"server":          "write servers",
}
