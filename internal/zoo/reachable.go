package zoo

import (
	"fmt"
	"net/http"

	"github.com/sumun-mcp/sumun/trust"
)

// on returns a maker of a server that stands on HTTP so.
func on(s Surface) func(*Habitat) *Server {
	return func(*Habitat) *Server {
		made := converter()
		made.HTTP = s
		return made
	}
}

// saying returns a handler that answers GET with that JSON.
func saying(json string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, json)
	}
}

// closed is a path that asks for a key.
func closed(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+Key {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	saying(`{"note":""}`)(w, r)
}

// reachable are the animals that let in whom they should not. They stand on HTTP alone.
func reachable() []Animal {
	one := func(name, attack, source string, expect []Expected, server, twin func(*Habitat) *Server) Animal {
		return Animal{Name: name, Attack: attack, Source: source, Over: []string{HTTP}, Expect: expect, Server: server, Twin: twin}
	}
	admin := one("open-admin", "paths that decide what tools say are open to everybody", praetorian,
		append(found("surface/admin", trust.High, trust.BandBlock), found("surface/open-admin", trust.Medium, trust.BandWarn)...),
		on(Surface{Open: true, Paths: map[string]http.HandlerFunc{
			"/health": saying(`{"status":"ok"}`), "/info": saying(`{"name":"converter","execution_tools":["to_upper"]}`), "/extra-note": saying(`{"extra_note":""}`), "/init-url": saying(`{"url":""}`), "/tool-prompts": saying(`{"to_upper":"Returns a text in capital letters."}`),
		}}),
		on(Surface{Paths: map[string]http.HandlerFunc{
			"/health": saying(`{"status":"ok"}`), "/info": saying(`{"name":"converter","version":"1.0.0"}`), "/extra-note": closed, "/config": closed,
		}}))
	admin.Malicious = true
	return []Animal{
		admin,
		one("no-authentication", "everybody may call, without credentials", "exposed MCP servers on the internet, Knostic and others, July 2025",
			append(found("surface/open-call", trust.High, trust.BandWarn), found("surface/local-authentication", trust.Low, trust.BandWarn)...),
			on(Surface{Open: true}), on(Surface{})),
		one("any-credentials", "the server asks for a token, and takes any", "broken authentication of MCP servers, OWASP, 2025",
			found("surface/wrong-credentials", trust.Critical, trust.BandWarn), on(Surface{AnyKey: true}), on(Surface{})),
		one("any-origin", "pages of every site may call", "drive-by localhost, Oligo on MCP Inspector (CVE-2025-49596), June 2025",
			found("surface/foreign-origin", trust.Medium, trust.BandWarn), on(Surface{Open: true, AnyOrigin: true}), on(Surface{})),
		one("any-host", "the server answers under every name (DNS rebinding)", "DNS rebinding of MCP servers, Straiker, May 2025",
			found("surface/foreign-host", trust.Medium, trust.BandWarn), on(Surface{Open: true, AnyHost: true}), on(Surface{})),
	}
}
