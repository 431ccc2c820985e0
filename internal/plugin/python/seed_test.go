package python

import (
	"os"
	"testing"
)

// TestSeed runs the seed's sample of section 4.4, byte for byte.
func TestSeed(t *testing.T) {
	sample, err := os.ReadFile("testdata/seed-4.4.py")
	if err != nil {
		t.Fatal(err)
	}
	p := launch(t, string(sample)).greet(nil)
	equal(t, "tools", p.result("tools/list", nil), `{"tools":[{"name":"calc.evaluate","inputSchema":{"type":"object","properties":{"expression":{}},"required":["expression"]}}]}`)
	equal(t, "templates", p.result("resources/templates/list", nil), `{"resourceTemplates":[{"name":"db.query","uriTemplate":"sumun://db.query{?sql}"}]}`)
	equal(t, "resources", p.result("resources/list", nil), `{"resources":[]}`)
	equal(t, "answer", p.call("calc.evaluate", object{"expression": "6*7"}), `{"content":[{"type":"text","text":"{\"result\":42}"}],"structuredContent":{"result":42}}`)
	answer := p.call("calc.evaluate", object{"expression": "1/0"})
	equal(t, "failure", answer, `{"content":[{"type":"text","text":"ZeroDivisionError: division by zero"}],"isError":true}`)
	if p.exit() != 0 {
		t.Error("the plugin ends with a failure")
	}
	equal(t, "standard error", p.errors(), text(t, "sumun-notice: plugins/demo.py:3: McpServer's host, port and api_key have no effect in a plugin: the gateway listens, on the port and with the keys of mcp.yaml\n"+
		"sumun-notice: plugins/demo.py:5: calc.evaluate: nothing tells the type of expression: annotate parameters, or say it in the docstring\n"+
		"calc.evaluate: ZeroDivisionError: division by zero\n  plugins/demo.py:7, in evaluate\n"))
}
