package credential

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sumun-mcp/sumun/internal/mcp"
	"github.com/sumun-mcp/sumun/internal/wire"
)

// awaitTime is how long one request waits for a login; who wants to wait longer asks again.
const awaitTime = 20 * time.Second

// Answer answers mcp.credential.login, .await and .logout.
func (k *Keeper) Answer(ctx context.Context, call *mcp.Call, reply mcp.Reply) error {
	var result any
	var err error
	switch call.Method {
	case mcp.MethodLogin:
		result, err = k.answerLogin(ctx, call)
	case mcp.MethodAwaitLogin:
		result, err = k.answerAwait(ctx, call)
	case mcp.MethodLogout:
		result, err = k.answerLogout(ctx, call)
	default:
		return mcp.Errorf(mcp.CodeMethodNotFound, mcp.Unsupported, "method %q is not known", call.Method)
	}
	if err != nil {
		return err
	}
	value, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("telling of a login: %w", err)
	}
	return reply.Done(ctx, mcp.Own(value))
}

// complete is the member that each result of the modern era has.
const complete = "complete"

func (k *Keeper) answerLogin(ctx context.Context, call *mcp.Call) (any, error) {
	server, err := text(call, "server")
	if err != nil {
		return nil, err
	}
	var scopes []string
	if raw := call.Member("scopes"); raw != nil {
		if json.Unmarshal(raw, &scopes) != nil || len(scopes) > 100 {
			return nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params.scopes must be a list of texts")
		}
		for _, scope := range scopes {
			if !tokens.MatchString(scope) {
				return nil, mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params.scopes: %q cannot be a scope", shorten(scope))
			}
		}
	}
	t, err := k.Begin(ctx, call.Caller, server, scopes)
	if err != nil {
		return nil, err
	}
	return struct {
		ResultType string    `json:"resultType"`
		Login      string    `json:"login"`
		URL        string    `json:"url"`
		ExpiresAt  time.Time `json:"expiresAt"`
	}{complete, t.ID, t.URL, t.Ends.UTC().Truncate(time.Second)}, nil
}

func (k *Keeper) answerAwait(ctx context.Context, call *mcp.Call) (any, error) {
	id, err := text(call, "login")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, awaitTime)
	defer cancel()
	done, err := k.Await(ctx, call.Caller, id)
	return struct {
		ResultType string `json:"resultType"`
		Done       bool   `json:"done"`
	}{complete, done}, err
}

func (k *Keeper) answerLogout(ctx context.Context, call *mcp.Call) (any, error) {
	server, err := text(call, "server")
	if err != nil {
		return nil, err
	}
	return struct {
		ResultType string `json:"resultType"`
	}{complete}, k.Logout(ctx, call.Caller, server)
}

// text returns a member of the parameters that must be a text.
func text(call *mcp.Call, member string) (string, error) {
	value, ok := wire.Unquote(call.Member(member))
	if !ok {
		return "", mcp.Errorf(mcp.CodeInvalidParams, mcp.InvalidArguments, "params.%s must be a text", member)
	}
	return value, nil
}
