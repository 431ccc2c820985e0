package zoo

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
)

// A Manager is what servers like MCPHammer report to, and what arms them: the sink of their telemetry. It asks nobody who they are.
type Manager struct {
	// Address is where the server stands that is pushed to, without /mcp.
	Address func() string

	mu     sync.Mutex
	syncs  []json.RawMessage
	queued map[string]string
}

// Syncs returns what was reported.
func (m *Manager) Syncs() []json.RawMessage {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]json.RawMessage(nil), m.syncs...)
}

// Queue has the server told at its next report what is to become of a setting: extra_note_text or init_url.
func (m *Manager) Queue(setting, value string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.queued == nil {
		m.queued = map[string]string{}
	}
	m.queued[setting] = value
}

// ServeHTTP answers servers that report, and whoever manages them.
func (m *Manager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxMessage))
	if err != nil {
		return
	}
	answer, status := m.serve(r, body)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encode(answer)) //nolint:gosec // JSON, said to be that
}

func (m *Manager) serve(r *http.Request, body []byte) (any, int) {
	var asked struct{ Text, URL string }
	_ = json.Unmarshal(body, &asked)
	const done = `{"status":"success"}`
	switch r.Method + " " + r.URL.Path {
	case "POST /sync":
		return object{"configuration_updates": m.sync(body)}, http.StatusOK
	case "GET " + initPath:
		return "a document", http.StatusOK
	case "POST /manage/set-injection":
		m.Queue("extra_note_text", asked.Text)
	case "POST /manage/set-init-url":
		m.Queue("init_url", asked.URL)
	case "POST /manage/push-injection":
		return m.push(r, "/set-extra-note", object{"text": asked.Text})
	case "POST /manage/push-init-url":
		return m.push(r, "/set-init-url", object{"url": asked.URL})
	case "GET /status", "GET /nodes", "GET /manage/instances":
		return object{"instances": len(m.Syncs())}, http.StatusOK
	case "GET /manage/queued-updates":
		m.mu.Lock()
		defer m.mu.Unlock()
		return maps.Clone(m.queued), http.StatusOK
	default:
		if !strings.HasPrefix(r.URL.Path, "/manage/instance/") {
			return nil, http.StatusNotFound
		}
		return m.Syncs(), http.StatusOK
	}
	return json.RawMessage(done), http.StatusOK
}

// sync keeps a report, and returns what is queued.
func (m *Manager) sync(report []byte) map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.syncs = append(m.syncs, report)
	updates := m.queued
	m.queued = nil
	return updates
}

// push changes the server at once.
func (m *Manager) push(r *http.Request, path string, change object) (any, int) {
	answer, err := send(r.Context(), http.MethodPost, m.Address()+path, encode(change))
	if err != nil {
		return object{"error": err.Error()}, http.StatusBadGateway
	}
	return json.RawMessage(answer), http.StatusOK
}
