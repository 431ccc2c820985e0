package openapi

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/config/offer"
)

// weather returns weather.getCurrent as a declared tool: the seed's sample (section 4.3), which asks for BASE/LOCATION and answers with
// what the service calls temp and text.
func weather(w *offer.Weather) offer.Tool {
	const placeholder = "{location}"
	target := w.URL
	inQuery := slices.ContainsFunc(slices.Collect(maps.Values(w.Query)), func(v string) bool { return strings.Contains(v, placeholder) })
	if !strings.Contains(target, placeholder) && !inQuery {
		path, query, asked := strings.Cut(target, "?")
		target = strings.TrimSuffix(path, "/") + "/" + placeholder
		if asked {
			target += "?" + query
		}
	}
	result := map[string]string{"temperature": "/temp", "condition": "/text"}
	maps.Copy(result, w.Result)
	return offer.Tool{
		Name: "weather.getCurrent", Title: "Weather",
		Description: "Tells the weather at a place right now: the temperature and the condition, such as cloudy.",
		InputSchema: json.RawMessage(`{
			"type": "object",
			"properties": {"location": {"type": "string", "description": "The place, for example Seoul", "minLength": 1, "maxLength": 256}},
			"required": ["location"],
			"additionalProperties": false
		}`),
		OutputSchema: json.RawMessage(`{
			"type": "object",
			"properties": {
				"temperature": {"type": "number", "description": "The temperature, in the unit of the service"},
				"condition": {"type": "string", "description": "The weather in words"}
			},
			"required": ["temperature", "condition"]
		}`),
		HTTP:    &offer.HTTP{URL: target, Query: w.Query, Headers: w.Headers, Result: result, Private: w.Private},
		Timeout: weatherTimeout, MaxBytes: weatherBytes,
	}
}

// The bounds of weather.getCurrent.
const (
	weatherTimeout = 30 * time.Second
	weatherBytes   = 1 << 20
)
