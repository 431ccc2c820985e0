// Package access says who may do what: it finds the caller that a key belongs
// to, works out what that caller may see, and refuses every call beyond it.
package access

import (
	"cmp"
	"context"
	"crypto/subtle"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sumun-mcp/sumun/internal/condition"
	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/keyring"
	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/oauth"
)

// A Key is a secret that a caller presents. Only its hash is known here.
type Key struct {
	// Name is what the key is called in the configuration and in the audit record.
	Name string
	// Hash is the key's, see HashKey.
	Hash [32]byte
	// Scopes are the names of the key's scopes; nil stands for everything.
	Scopes []string
	// Admin lets the holder run the gate: see how its servers are and start them again.
	Admin bool
	// Naming is the form of names that the holder is shown; empty leaves it open.
	Naming mcp.Naming
}

// Options are what New makes an Access of.
type Options struct {
	// Keys are those that are let in.
	Keys []Key
	// Scopes holds what each scope grants.
	Scopes map[string]config.Scope
	// Roles bundle scopes. Keys in the store are given them by name.
	Roles map[string][]string
	// Ring holds the keys that are kept in the store; nil where there is none.
	Ring *keyring.Ring
	// Naming returns the form of names that the holder of the key of that name in the store is shown; nil leaves it open.
	Naming func(key string) mcp.Naming
	// Identities are the callers that are known by certificates.
	Identities []config.Identity
	// Roots are the names of the directories whose files the gateway itself offers.
	Roots []string
	// Anonymous lets in who presents no key, and lets them do everything.
	Anonymous bool
}

// anonymous is the ID of a caller without a key.
const anonymous = "anonymous"

// An Access knows the keys of one configuration. It is immutable and safe for concurrent use.
type Access struct {
	keys   map[[32]byte]*holder
	nobody *mcp.Caller // who presents no key; nil if that is refused
	scopes map[string]config.Scope
	roles  map[string][]string
	when   map[string]*condition.Condition // by scope
	roots  []string
	ring   *keyring.Ring
	naming func(key string) mcp.Naming
	certs  *certified
	tokens *oauth.Verifier // nil where no access tokens are taken
	views  sync.Map        // of keys in the store and tokens: *mcp.View by what they were given
	viewed atomic.Int32    // how many views there are
}

// A holder is the caller that a key belongs to.
type holder struct {
	hash   [32]byte
	caller mcp.Caller
}

// New returns an Access. It refuses two keys with one hash or one name, and keys
// with scopes that do not exist.
func New(o Options) (*Access, error) {
	a := &Access{keys: make(map[[32]byte]*holder, len(o.Keys)), scopes: maps.Clone(o.Scopes), roles: maps.Clone(o.Roles), ring: o.Ring, naming: o.Naming, roots: o.Roots}
	if err := a.read(); err != nil { // before anybody is given a view, which conditions are part of
		return nil, err
	}
	a.certs = a.certify(o.Identities)
	if o.Anonymous {
		a.nobody = &mcp.Caller{ID: anonymous, View: whole()}
	}
	named := map[string]bool{anonymous: true}
	for _, key := range o.Keys {
		if other, ok := a.keys[key.Hash]; ok {
			return nil, fmt.Errorf("the keys %s and %s are the same; make another one", other.caller.ID, key.Name)
		}
		if key.Name == "" || named[key.Name] {
			return nil, fmt.Errorf("two keys are named %q, or a key has no name; give each its own", key.Name)
		}
		view, err := a.view(key)
		if err != nil {
			return nil, err
		}
		named[key.Name] = true
		a.keys[key.Hash] = &holder{key.Hash, mcp.Caller{ID: key.Name, View: view, Admin: key.Admin, Scopes: key.Scopes, Naming: key.Naming, Key: key.Hash}}
	}
	return a, nil
}

// view returns what the key's scopes grant together.
func (a *Access) view(key Key) (*mcp.View, error) {
	if key.Scopes == nil {
		return whole(), nil
	}
	for _, scope := range key.Scopes {
		if _, ok := a.scopes[scope]; !ok {
			return nil, fmt.Errorf("key %s has the scope %s, which is not among scopes; write it there or take it from the key",
				key.Name, scope)
		}
	}
	return a.rights(key.Scopes).view(), nil
}

// read reads the conditions of all scopes.
func (a *Access) read() error {
	a.when = map[string]*condition.Condition{}
	for name, scope := range a.scopes {
		if scope.When == "" {
			continue
		}
		c, err := condition.Compile(scope.When)
		if err != nil {
			return fmt.Errorf("the condition of the scope %s: %w", name, err)
		}
		a.when[name] = c
	}
	return nil
}

// The longest key that is looked at, in bytes.
const maxKey = keyring.MaxSecret

// Authenticate returns who makes the request, by its Authorization header alone, and without one by the
// certificate of its connection: a key in a URL would stand in logs. It reads nothing of the body. A wrong key is
// refused even where none is needed, so that a mistake in it does not stay unseen.
func (a *Access) Authenticate(r *http.Request) (*mcp.Caller, *mcp.Error) {
	values := r.Header["Authorization"]
	caller, err := a.authenticate(r, values)
	if err != nil {
		err = a.challenge(err, len(values) > 0, nil)
	}
	return caller, err
}

func (a *Access) authenticate(r *http.Request, values []string) (*mcp.Caller, *mcp.Error) {
	switch {
	case len(values) == 0:
		return a.withoutKey(r)
	case len(values) > 1:
		return nil, refused("more than one Authorization header; send one")
	}
	scheme, key, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, refused("the Authorization header is not Bearer KEY; no other scheme is known here")
	}
	return a.Bearer(strings.Trim(key, " "))
}

// Bearer returns who holds the key, or shows an access token.
func (a *Access) Bearer(key string) (*mcp.Caller, *mcp.Error) {
	if key == "" {
		return nil, refused("the key is empty; send the header Authorization: Bearer KEY")
	}
	if len(key) > maxKey {
		return a.token(key)
	}
	hash := HashKey(key)
	if h, ok := a.keys[hash]; ok && subtle.ConstantTimeCompare(h.hash[:], hash[:]) == 1 {
		return &h.caller, nil
	}
	if a.ring != nil {
		if caller, err := a.ring.Find(key, &hash, a); caller != nil || err != nil {
			return caller, err
		}
	}
	return a.token(key)
}

// Again returns who a caller is that was let in by an earlier configuration; nil if it would
// not be let in any more.
func (a *Access) Again(caller *mcp.Caller) *mcp.Caller {
	if isCertified(caller) {
		return a.certs.again(caller)
	}
	if oauth.IsCaller(caller.ID) {
		return a.againByToken(caller)
	}
	if caller.Over != nil {
		return a.againByRing(caller)
	}
	if caller.Key == ([32]byte{}) {
		return a.nobody
	}
	if h, ok := a.keys[caller.Key]; ok {
		return &h.caller
	}
	return nil
}

func refused(why string) *mcp.Error {
	return denied(mcp.Unauthenticated, why)
}

// denied returns a refusal that also tells programs its reason.
func denied(reason mcp.Reason, why string) *mcp.Error {
	return &mcp.Error{Code: mcp.CodeInvalidRequest, Reason: reason, Message: why, Data: []byte(`{"reason":"` + string(reason) + `"}`)}
}

// Holds reports whether the caller has a scope that methods need as such.
func Holds(caller *mcp.Caller, scope string) bool {
	return caller.Admin || slices.Contains(caller.Scopes, scope)
}

// Lacks returns the refusal of a method that needs such a scope.
func Lacks(method, scope string) *mcp.Error {
	return denied(mcp.Forbidden, method+" needs the scope "+scope+", which the key local has")
}

// Middleware lets a call through if its caller may make it. What the caller may
// not see is answered like what does not exist.
func (a *Access) Middleware(next mcp.Handler) mcp.Handler {
	return mcp.HandlerFunc(func(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
		err := authorize(call)
		if err == nil && a.fileDenied(call) {
			err = unmet(call)
		}
		if err != nil {
			if e := mcp.AsError(err); e != nil {
				return a.challenge(e, true, call.Caller)
			}
			return err
		}
		return next.Handle(ctx, call, a.sift(call, reply))
	})
}

// Still returns why a call that was let in, maybe by an earlier configuration, may not be made any more; nil if it may. Who lets a call
// wait asks before it goes on: its caller's key may be revoked by now, or allow less.
func (a *Access) Still(call *mcp.Call) error {
	if call.Caller == nil {
		return refused("the caller is not known")
	}
	now := *call
	if now.Caller = a.Again(call.Caller); now.Caller == nil {
		return refused("the caller is not known any more")
	}
	now.Settle()
	err := authorize(&now)
	if err == nil && a.fileDenied(&now) {
		err = unmet(&now)
	}
	return err
}

// authorize returns why the call is refused, nil if it is not.
func authorize(call *mcp.Call) error {
	if call.Caller == nil || call.Caller.View == nil {
		return refused("the caller is not known")
	}
	if call.Refused != nil {
		return call.Refused
	}
	if call.Caller.Expired() {
		return refused("the key is not known; check it, or ask the gateway's owner for one")
	}
	view := call.Caller.View
	method, _ := mcp.MethodByName(call.Method)
	if method.Scope != "" && !Holds(call.Caller, method.Scope) {
		return Lacks(call.Method, method.Scope)
	}
	if method.NameMember != "" && !sees(view, &method, call) {
		if steps := view.Steps(method.Kind, call.Name, method.Writes); len(steps) > 0 {
			return insufficient(steps)
		}
	}
	if method.Writes && !view.Writes(call.Name) && view.Sees(method.Kind, call.Name) {
		return denied(mcp.Forbidden, "writing this needs a scope write:… that lists it")
	}
	if method.NameMember != "" && !sees(view, &method, call) {
		return Absent(call)
	}
	if judge := view.Judge; judge != nil && (call.Method == mcp.MethodToolsCall || call.Method == mcp.MethodPromptsGet) {
		if err := judge(call); err != nil {
			return err
		}
	}
	if call.Method != mcp.MethodComplete {
		return nil
	}
	kind, name, ok := mcp.ParseRef(call.Member("ref"))
	if ok && !view.Sees(kind, cmp.Or(call.Name, name)) { // what is not a reference is refused where it is looked up
		return mcp.Absent(kind, name, call.Revision)
	}
	return nil
}

// sees reports whether the caller may use what a call addresses. A named resource may
// be read by whoever may read that name, whatever the URI that its parameters make.
func sees(view *mcp.View, method *mcp.Method, call *mcp.Call) bool {
	if method.Writes {
		return view.Writes(call.Name)
	}
	if view.Denies(method.Kind, call.Name, mcp.Use(method.Kind)) {
		return false
	}
	named := call.Dialect == mcp.MethodReadResource && call.Asked != ""
	return view.Sees(method.Kind, call.Name) || named && view.Sees(mcp.Resource, call.Asked)
}

// Absent returns the error of a call for something that does not exist, or that
// its caller may not see: there is no difference. It says the name as the client did.
func Absent(call *mcp.Call) *mcp.Error {
	method, _ := mcp.MethodByName(call.Method)
	return mcp.Absent(method.Kind, cmp.Or(call.Asked, call.Name), call.Revision)
}

// Unused returns the entries of scopes that name nothing, as "scope: entry", in
// order. Exists reports whether a name of that kind fits a pattern.
func (a *Access) Unused(exists func(kind mcp.Kind, pattern string) bool) []string {
	var unused []string
	for _, scope := range slices.Sorted(maps.Keys(a.scopes)) {
		for _, pattern := range a.scopes[scope].Names {
			if !slices.ContainsFunc(kinds, func(k mcp.Kind) bool { return exists(k, pattern) }) {
				unused = append(unused, scope+": "+pattern)
			}
		}
	}
	return unused
}

var kinds = []mcp.Kind{mcp.Tool, mcp.Prompt, mcp.Resource, mcp.Template}
