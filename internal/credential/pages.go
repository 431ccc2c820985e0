package credential

import (
	"bytes"
	"encoding/json"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/sumun-mcp/sumun/internal/mcp"
)

// page is the one page that people see: a question, or how a login has ended.
var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{{.Title}} - Sumun</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem}button{font:inherit;padding:.5rem 1rem}</style></head>
<body><h1>{{.Title}}</h1>{{range .Text}}<p>{{.}}</p>{{end}}{{if .Go}}<form method="post" action="{{.Go}}"><button>{{.Button}}</button></form>{{end}}</body></html>
`))

// A view is what a page shows. Everything in it is escaped.
type view struct {
	Title  string
	Text   []string
	Go     string
	Button string
}

// newPages returns what answers browsers, and authorization servers that want to know the gateway as a client.
func (k *Keeper) newPages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathLogin+"{ticket}", k.confirm)
	mux.HandleFunc("POST "+pathLogin+"{ticket}", k.leave)
	mux.HandleFunc("GET "+pathCallback+"{server}", k.callback)
	mux.HandleFunc("GET "+pathClient+"{server}", k.describe)
	return mux
}

// Paths are those below which ServeHTTP answers.
func Paths() []string { return []string{pathLogin, pathCallback, pathClient} }

// ServeHTTP answers browsers, and authorization servers that want to know the gateway. No key is asked for: what is done there depends
// on secrets in the address.
func (k *Keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) { k.pages.ServeHTTP(w, r) }

// show writes a page.
func show(w http.ResponseWriter, status int, v view) {
	var out bytes.Buffer
	if err := page.Execute(&out, v); err != nil {
		http.Error(w, "this page cannot be shown", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	h.Set("Referrer-Policy", "same-origin") // the address holds a ticket; without any, browsers would not say where a form comes from
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes()) // a browser that is gone sees nothing
}

// regret shows why a login does not go on.
func regret(w http.ResponseWriter, err error) {
	text := err.Error()
	if e := mcp.AsError(err); e != nil {
		text = e.Message
	}
	show(w, http.StatusBadRequest, view{Title: "The login failed", Text: []string{text, "You can close this page."}})
}

// confirm asks whether the one with the browser is the one who wants the login: somebody else may have sent the address.
func (k *Keeper) confirm(w http.ResponseWriter, r *http.Request) {
	l, _, err := k.openLogin(r.Context(), loginKey(r.PathValue("ticket")))
	if err == nil && l.Outcome != "" {
		err = errNoLogin
	}
	if err != nil {
		regret(w, err)
		return
	}
	whose := "Calls of \u201c" + l.Owner + "\u201d, and of nobody else, will then reach the server in your name."
	if l.Owner == "" {
		whose = "The calls of everybody who may use this gateway will then reach the server in your name."
	}
	show(w, http.StatusOK, view{
		Title: "Log in to \u201c" + l.Server + "\u201d",
		Text: []string{
			"\u201c" + l.Actor + "\u201d wants to log in to the server \u201c" + l.Server + "\u201d. " + whose,
			"Go on only if you have asked for this yourself. If somebody has sent you here, close this page.",
		},
		Go: r.URL.EscapedPath(), Button: "Log in",
	})
}

// cookieOf is the name of the cookie that ties a login to the browser in which it was begun.
func cookieOf(owner string) string { return "sumun-login-" + owner[:min(len(owner), 16)] }

// leave sends the browser to the authorization server.
func (k *Keeper) leave(w http.ResponseWriter, r *http.Request) {
	key := loginKey(r.PathValue("ticket"))
	to, cookie, err := k.depart(r.Context(), key)
	if err != nil {
		regret(w, err)
		return
	}
	http.SetCookie(w, k.cookie(key.Owner, cookie, int(loginTime.Seconds())))
	h := w.Header()
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // it leads to the authorization server, which was checked
}

// cookie returns the cookie of a login, which browsers send to the place where they come back to. On loopback there is no https.
func (k *Keeper) cookie(owner, value string, age int) *http.Cookie {
	path, base := pathCallback, k.base()
	if u, err := url.Parse(base); err == nil {
		path = u.EscapedPath() + pathCallback
	}
	return &http.Cookie{ //nolint:gosec // see above
		Name: cookieOf(owner), Value: value, Path: path, MaxAge: age,
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(base, "https:"),
	}
}

// callback takes what the browser brings back, and says that it worked.
func (k *Keeper) callback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	b := comeback{
		server: r.PathValue("server"), state: q.Get("state"), code: q.Get("code"), issuer: q.Get("iss"), failure: q.Get("error"),
	}
	owner, _, _ := strings.Cut(b.state, ".")
	if c, err := r.Cookie(cookieOf(owner)); err == nil {
		b.cookie = c.Value
	}
	l, err := k.arrive(r.Context(), b)
	if err != nil {
		regret(w, err)
		return
	}
	http.SetCookie(w, k.cookie(owner, "", -1))
	show(w, http.StatusOK, view{Title: "You are logged in", Text: []string{"The gateway can now use \u201c" + l.Server + "\u201d for you.", "You can close this page."}})
}

// describe tells an authorization server what the gateway is as a client.
func (k *Keeper) describe(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("server")
	k.mu.Lock()
	s, public := k.servers[name], k.public
	k.mu.Unlock()
	if s == nil || s.oauth.ClientID != "" || public == "" {
		http.NotFound(w, r)
		return
	}
	m := metadataOf(k.redirect(name))
	m.ClientID, m.ClientURI = public+pathClient+url.PathEscape(name), public
	body, err := json.Marshal(m)
	if err != nil {
		k.o.Log.ErrorContext(r.Context(), "the client's document was not written", slog.Any("error", err))
		http.Error(w, "this document cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(body) // who is gone reads nothing
}
