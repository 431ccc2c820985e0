package python

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// page is what authors read of plugins in Python.
const page = "../../../docs/plugins-python.md"

// TestDocs: the examples of the page are plugins, and do what the page says.
func TestDocs(t *testing.T) {
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```python\n(.*?)```").FindAllStringSubmatch(string(content), -1)
	wanted := []string{"count", "text.count", "calc.add", "brew"}
	if len(blocks) != len(wanted) {
		t.Fatalf("the page has %d examples, want %d", len(blocks), len(wanted))
	}
	peers := map[string]*peer{}
	for i, block := range blocks {
		p := launch(t, block[1]).greet(object{"elicitation": object{}, "sampling": object{}})
		tools := byName(t, p.result("tools/list", nil)["tools"])
		if got := slices.Sorted(maps.Keys(tools)); !slices.Equal(got, wanted[i:i+1]) {
			t.Errorf("example %d has the tools %v, want %s", i, got, wanted[i])
		}
		peers[wanted[i]] = p
	}
	equal(t, "count", peers["count"].call("count", object{"text": "a b c", "unit": "letters"})["structuredContent"], `{"result":5}`)
	equal(t, "calc.add", peers["calc.add"].call("calc.add", object{"a": 1, "b": 2})["structuredContent"], `{"result":3}`)
	for name, want := range map[string]string{"text.count": "sumun://motto", "calc.add": "sumun://greeting?name=Ada"} {
		contents, _ := peers[name].result("resources/read", object{"uri": want})["contents"].([]any)
		content, _ := contents[0].(object)
		if said, _ := content["text"].(string); said != "Guard the gate." && said != `{"text":"Hello, Ada"}` {
			t.Errorf("%s has %q", want, said)
		}
	}
	brew := peers["brew"]
	_, answer := brew.begin("tools/call", object{"name": "brew", "arguments": object{"kind": "green tea"}})
	brew.reply(brew.await(brew.other), object{"result": object{"action": "accept", "content": object{"spoons": 2}}})
	equal(t, "log", brew.await(brew.other)["method"], `"notifications/message"`)
	brew.reply(brew.await(brew.other), object{"result": object{"role": "assistant", "model": "m", "content": object{"type": "text", "text": "Lovely."}}})
	equal(t, "brew", brew.await(answer)["result"], `{"content":[{"type":"text","text":"Lovely."}]}`)
}

// TestDocsFault: what the page says of a missing package is what is said.
func TestDocsFault(t *testing.T) {
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	p := launch(t, "\n\nimport surely_not_there\n")
	_ = p.exit()
	said := strings.NewReplacer("sumun: ", "", "demo.py", "text.py", "surely_not_there", "wordfreq").Replace(p.errors())
	if !strings.Contains(string(content), "\n"+said) {
		t.Errorf("the page does not have %q", said)
	}
}
