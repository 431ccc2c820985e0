package exchange

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Handler serves records as the API of a registry does, for reading only. Whoever may ask is decided before.
type Handler struct {
	// Records returns what there is now.
	Records func(ctx context.Context) ([]Record, error)
	// Failed is told why records cannot be told; nil tells nobody.
	Failed func(error)
}

// Prefixes are the paths below which it answers: of the revision v0.1, and of the one before, whose answers are the same.
var Prefixes = [...]string{"/v0.1", "/v0"}

// Pages of the list.
const (
	defaultLimit = 30
	maxLimit     = 100
)

// Mount has mux answer with h below each prefix; guard stands before it.
func (h *Handler) Mount(mux *http.ServeMux, guard func(http.Handler) http.Handler) {
	for _, prefix := range Prefixes {
		for pattern, f := range map[string]http.HandlerFunc{
			"GET /servers": h.list, "GET /servers/{name}/versions": h.versions, "GET /servers/{name}/versions/{version}": h.one,
			"POST /publish": readOnly, "PUT /servers/{name}/versions/{version}": readOnly, "DELETE /servers/{name}/versions/{version}": readOnly,
			"PATCH /servers/{name}/versions/{version}/status": readOnly, "PATCH /servers/{name}/status": readOnly,
		} {
			method, path, _ := strings.Cut(pattern, " ")
			mux.Handle(method+" "+prefix+path, guard(f))
		}
	}
}

// readOnly refuses what changes a registry, which the API leaves to each.
func readOnly(w http.ResponseWriter, _ *http.Request) {
	fail(w, http.StatusNotImplemented, "Publishing is not supported by this registry")
}

func fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": text}) // who has gone hears nothing
}

// A page is an answer with several records.
type page struct {
	Servers  []Record `json:"servers"`
	Metadata metadata `json:"metadata"`
}

type metadata struct {
	NextCursor string `json:"nextCursor,omitempty"`
	Count      int    `json:"count"`
}

// An item is a record, with what it is filtered by.
type item struct {
	Record

	name, version string
	status        Status
}

// items returns all records, by name and version, without double ones.
func (h *Handler) items(w http.ResponseWriter, r *http.Request) ([]item, bool) {
	records, err := h.Records(r.Context())
	if err != nil {
		if h.Failed != nil {
			h.Failed(err)
		}
		fail(w, http.StatusInternalServerError, "The records cannot be told")
		return nil, false
	}
	var all []item
	for _, one := range records {
		s, err := one.Decode()
		if err != nil {
			continue
		}
		all = append(all, item{one, s.Name, s.Version, one.Status()})
	}
	slices.SortStableFunc(all, compareItems)
	return slices.CompactFunc(all, func(a, b item) bool { return compareItems(a, b) == 0 }), true
}

func compareItems(a, b item) int {
	return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.version, b.version))
}

// list answers GET /servers.
func (h *Handler) list(w http.ResponseWriter, r *http.Request) {
	want, wrong := wanted(r)
	if wrong != "" {
		fail(w, http.StatusBadRequest, wrong)
		return
	}
	all, ok := h.items(w, r)
	if !ok {
		return
	}
	answer := page{Servers: []Record{}}
	for _, one := range all {
		if !want.takes(&one) {
			continue
		}
		if len(answer.Servers) == want.limit {
			last, _ := answer.Servers[want.limit-1].Decode()
			answer.Metadata.NextCursor = base64.RawURLEncoding.EncodeToString([]byte(last.Name + "\n" + last.Version))
			break
		}
		answer.Servers = append(answer.Servers, one.Record)
	}
	answer.Metadata.Count = len(answer.Servers)
	write(w, answer)
}

func write(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_ = json.NewEncoder(w).Encode(value) // who has gone hears nothing
}

// A want is what a request asks for.
type want struct {
	limit           int
	after           item
	search, version string
	since           time.Time
	deleted         bool
}

// wanted reads the query of a request; wrong says what is wrong with it.
func wanted(r *http.Request) (q want, wrong string) {
	v := r.URL.Query()
	q = want{limit: defaultLimit, search: strings.ToLower(v.Get("search")), version: v.Get("version")}
	if text := v.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxLimit {
			return q, "limit must be a number from 1 to 100"
		}
		q.limit = n
	}
	if text := v.Get("cursor"); text != "" {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		name, version, ok := strings.Cut(string(raw), "\n")
		if err != nil || !ok {
			return q, "the cursor is not one of this registry"
		}
		q.after = item{name: name, version: version}
	}
	var err error
	if text := v.Get("include_deleted"); text != "" {
		if q.deleted, err = strconv.ParseBool(text); err != nil {
			return q, "include_deleted must be true or false"
		}
	}
	if text := v.Get("updated_since"); text != "" {
		if q.since, err = time.Parse(time.RFC3339, text); err != nil {
			return q, "updated_since must be a time as in RFC 3339, such as 2025-08-07T13:15:04Z"
		}
		if !q.deleted && v.Has("include_deleted") {
			return q, "updated_since includes deleted servers; include_deleted cannot be false"
		}
		q.deleted = true
	}
	return q, ""
}

func (q *want) takes(i *item) bool {
	return compareItems(*i, q.after) > 0 && (q.search == "" || strings.Contains(strings.ToLower(i.name), q.search)) &&
		(q.version == "" || q.version == i.version || q.version == "latest" && i.status.IsLatest) &&
		(q.since.IsZero() || !i.status.UpdatedAt.Before(q.since)) && (q.deleted || i.status.Status != "deleted")
}

// versions answers GET /servers/{name}/versions, the newest first.
func (h *Handler) versions(w http.ResponseWriter, r *http.Request) {
	found, ok := h.named(w, r)
	if !ok {
		return
	}
	slices.SortStableFunc(found, func(a, b item) int { return b.status.PublishedAt.Compare(a.status.PublishedAt) })
	answer := page{Metadata: metadata{Count: len(found)}}
	for _, one := range found {
		answer.Servers = append(answer.Servers, one.Record)
	}
	write(w, answer)
}

// one answers GET /servers/{name}/versions/{version}.
func (h *Handler) one(w http.ResponseWriter, r *http.Request) {
	found, ok := h.named(w, r)
	if !ok {
		return
	}
	version := r.PathValue("version")
	for _, one := range found {
		if one.version == version || version == "latest" && one.status.IsLatest {
			write(w, one.Record)
			return
		}
	}
	fail(w, http.StatusNotFound, "Server version not found")
}

// named returns the records of the server in a path.
func (h *Handler) named(w http.ResponseWriter, r *http.Request) ([]item, bool) {
	deleted, _ := strconv.ParseBool(r.URL.Query().Get("include_deleted"))
	all, ok := h.items(w, r)
	if !ok {
		return nil, false
	}
	found := slices.DeleteFunc(all, func(i item) bool {
		return i.name != r.PathValue("name") || !deleted && i.status.Status == "deleted"
	})
	if len(found) == 0 {
		fail(w, http.StatusNotFound, "Server not found")
		return nil, false
	}
	return found, true
}
