package builtin

import (
	"context"
	"encoding/json"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/sumun-mcp/sumun/internal/owntool"
)

// calcTool is the declaration of calc.evaluate.
func calcTool() *mcp.Tool {
	return &mcp.Tool{
		Name:  "calc.evaluate",
		Title: "Calculator",
		Description: "Evaluates an arithmetic expression exactly and returns the number. " +
			"Operators: + - * / // (floor division) % ** and parentheses, as in Python. " +
			"Functions: sqrt abs min max round floor ceil pow log ln exp sin cos tan. Constants: pi e.",
		InputSchema: json.RawMessage(`{
			"type": "object",
			"properties": {
				"expression": {
					"type": "string",
					"description": "The expression, for example 2*(3+4)",
					"minLength": 1,
					"maxLength": 4096
				}
			},
			"required": ["expression"],
			"additionalProperties": false
		}`),
		OutputSchema: json.RawMessage(`{
			"type": "object",
			"properties": {
				"result": {
					"type": "number",
					"description": "The value; whole numbers have all their digits, also beyond 2^53"
				}
			},
			"required": ["result"],
			"additionalProperties": false
		}`),
		Annotations: owntool.ReadsOnly("Calculator"),
	}
}

func callCalc(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	var in struct {
		Expression *string `json:"expression"`
	}
	if err := owntool.Decode(req.Params.Arguments, &in, "expression"); err != nil {
		return owntool.Failed(err), nil
	}
	if in.Expression == nil {
		return owntool.Failed(owntool.Missing("expression")), nil
	}
	text, err := evaluate(*in.Expression)
	if err != nil {
		return owntool.Failed(err), nil
	}
	// The digits are passed on as they are: decoding them would round.
	return &mcp.CallToolResult{
		Content:           []mcp.Content{&mcp.TextContent{Text: text}},
		StructuredContent: json.RawMessage(`{"result":` + text + `}`),
	}, nil
}
