// Package client calls MCP servers: any server of any revision, over Streamable HTTP, HTTP+SSE, a WebSocket or the standard
// input and output of a program, and a Sumun gateway also in its mcp.* dialect.
//
//	c, err := client.Dial(ctx, "https://mcp.example.com/mcp", client.WithKey(key))
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	weather, err := client.Call[Weather](ctx, c, "weather.getCurrent", map[string]any{"location": "Seoul"})
//
// Which era a server speaks is found out when it is dialed, and makes no difference to who calls: what a server asks in mid-call
// is answered by the same functions ([WithElicitation], [WithVisits], [WithSampling], [WithRoots]) whether it asks by a request or by the end
// of its answer.
//
// # Results
//
// Results keep the bytes that the server sent. Where JSON is read into a Go value of no certain type, numbers become
// [json.Number], so that none is rounded. What this package has no field for stands in Raw.
//
// # Errors
//
// What a server refuses, and a line that broke, is an [*Error]; errors.Is tells the kinds apart ([ErrNotFound], [ErrConflict] and
// so on). A tool that ran and failed is no error of [Client.Call] but a [Result] with IsError; for the function [Call], which
// returns the tool's own type, it is a [*ToolError]. When ctx ends first its cause is returned.
//
// # Lines that break
//
// A Client opens its session anew when it was lost: a program is started again, a WebSocket connected again. A request is
// repeated, once, only if the server has not begun with it, or if it changes nothing (lists, reads, prompts). A tool is never
// called twice: where it may have run, the error is [ErrLost] and says so. Subscriptions are renewed with the session.
//
// # Concurrency
//
// A [Client] is safe for concurrent use. [Client.Close] ends whatever it has started, goroutines and processes, and waits for it.
package client
