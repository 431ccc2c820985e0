package plugin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/plugin/folder"
)

// The states of a plugin.
const (
	Loading = "loading" // no version has been tried yet
	Running = "running"
	Stale   = "stale"  // a version runs, and a newer one does not work
	Broken  = "broken" // no version works
)

// A State is how one plugin is, as people are told.
type State struct {
	Name string      `json:"name"`
	Kind folder.Kind `json:"kind,omitempty"`
	Path string      `json:"path"`
	// State is loading, running, stale or broken.
	State string `json:"state"`
	// Version names the content that runs, Since when it began to.
	Version string    `json:"version,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	// Loads counts the versions that worked, Failures those that did not.
	Loads    int64 `json:"loads"`
	Failures int64 `json:"failures"`
	// Error says why the newest version does not work: FILE:LINE: MESSAGE where that is known.
	Error   string   `json:"error,omitempty"`
	Notices []string `json:"notices,omitempty"`
}

// States tells how the plugins are, in the order of their names.
func (ps *Plugins) States() []State {
	all := []State{}
	for _, p := range ps.list() {
		p.mu.Lock()
		all = append(all, p.state)
		p.mu.Unlock()
	}
	if ps == nil {
		return all
	}
	ps.mu.Lock()
	for _, f := range ps.faulty {
		all = append(all, State{Name: f.Name, Kind: f.Kind, Path: f.Path, State: Broken, Error: f.Fault})
	}
	ps.mu.Unlock()
	slices.SortStableFunc(all, func(a, b State) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Handle answers the method by which those who run the gate see how the plugins are. That the caller may is settled already.
func (ps *Plugins) Handle(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	if ps == nil {
		return mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "method %q is not known on a bridge; ask the gateway behind it", call.Method)
	}
	ps.mu.Lock()
	dirs := append([]string{}, ps.dirs...)
	ps.mu.Unlock()
	value, err := json.Marshal(struct {
		ResultType string   `json:"resultType"`
		Folders    []string `json:"folders"`
		Plugins    []State  `json:"plugins"`
	}{"complete", dirs, ps.States()})
	if err != nil {
		return fmt.Errorf("telling how the plugins are: %w", err)
	}
	return reply.Done(ctx, mcp.Own(value))
}

// Observe tells the instruments of each plugin which state it is in, and how many of its versions worked and did not.
func (ps *Plugins) Observe(tell func(plugin, state string, loads, failures int64)) {
	for _, s := range ps.States() {
		tell(s.Name, s.State, s.Loads, s.Failures)
	}
}
