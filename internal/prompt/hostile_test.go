package prompt_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sumun-mcp/sumun/internal/prompt"
)

// maxHostileMemory is what a template may have allocated before it is stopped, all in all, with the limits by
// default; less than that is held at once.
const maxHostileMemory = 16 << 20

// maxHostileTime is far beyond what any of them takes, so that a busy machine fails no test: BenchmarkHostile tells how
// long they really take, and docs/templates.md what was measured.
const maxHostileTime = 20 * time.Second

// nested returns n times open, then inner, then n times end.
func nested(open, inner, end string, n int) string {
	return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
}

// hostile are templates that try to leave, or to use up everything, with what
// the error has to say.
var hostile = map[string]struct{ text, want string }{
	"include of a file":     {"{% include '/etc/passwd' %}", "files cannot"},
	"include upwards":       {"{% include '../../secret' %}", "files cannot"},
	"include of a URL":      {"{% include 'file:///etc/passwd' %}", "files cannot"},
	"include of itself":     {"x{% include 'self' %}", "levels deep"},
	"include in a circle":   {"{% include 'ping' %}", "levels deep"},
	"include doubling":      {"{% include 'double' %}", "levels deep"},
	"include bomb":          {"{% for i in range(99999) %}{% include 'big' %}{% endfor %}", "longer than"},
	"import":                {"{% import 'os' as os %}", "not part of this language"},
	"from":                  {"{% from 'x' import y %}", "not part of this language"},
	"extends":               {"{% extends 'base' %}", "not part of this language"},
	"macro recursion":       {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "not part of this language"},
	"call block":            {"{% call m() %}{% endcall %}", "not part of this language"},
	"class walk":            {"{{ ''.__class__.__mro__[1].__subclasses__() }}", "not called"},
	"class walk, no call":   {"{{ ''.__class__.__mro__ }}", "JSON values only"},
	"class walk, items":     {"{{ []['__class__']['__base__'] }}", "JSON values only"},
	"class walk, mapping":   {"{{ {}.__class__.__mro__ }}", "no member"},
	"globals":               {"{{ self.__init__.__globals__ }}", "not defined"},
	"config":                {"{{ config.items() }}", "not called"},
	"loop internals":        {"{% for x in [1] %}{{ loop.__init__.__globals__ }}{% endfor %}", "no member"},
	"attribute by filter":   {"{{ ['']|map(attribute='__class__')|first }}", "JSON values only"},
	"attr filter":           {"{{ ''|attr('__class__') }}", "no filter"},
	"filter by name":        {"{{ [1]|map('attr', '__class__')|list }}", "no filter"},
	"lipsum":                {"{{ lipsum.__globals__ }}", "not defined"},
	"cycler":                {"{{ cycler.__init__.__globals__.os.popen('id').read() }}", "not called"},
	"method of a Go value":  {"{{ user.String() }}", "not called"},
	"format":                {"{{ '%1000000000d' % 1 }}", "not formatted"},
	"format method":         {"{{ '{0.__class__}'.format(1) }}", "not called"},
	"range":                 {"{{ range(10 ** 9)|list }}", "longer than 100000"},
	"range loop":            {"{% for i in range(10 ** 9) %}{{ i }}{% endfor %}", "longer than 100000"},
	"range backwards":       {"{% for i in range(10 ** 9, 0, -1) %}{% endfor %}", "longer than 100000"},
	"nested loops":          {nested("{% for i in range(100000) %}", "", "{% endfor %}", 5), "more than"},
	"nested loops, no body": {nested("{% for i in range(99999) if false %}", "", "{% endfor %}", 1) + nested("{% for i in range(99999) %}", "", "{% endfor %}", 2), "more than"},
	"loop in a loop test":   {"{% for i in range(99999) if range(99999)|select|list|length %}{% endfor %}", "more than"},
	"loop over text":        {"{% for c in 'a' * 99999 %}{% for d in 'a' * 99999 %}{% endfor %}{% endfor %}", "more than"},
	"text times":            {"{{ 'a' * 10 ** 9 }}", "more than"},
	"times text":            {"{{ 10 ** 18 * 'abcdefgh' }}", "more than"},
	"text times huge":       {"{{ 'a' * 10 ** 300 }}", "more than"},
	"list times":            {"{{ [1] * 10 ** 9 }}", "more than"},
	"empty list times":      {"{{ [] * 10 ** 300 }}{% include 'nope' %}", "no prompt"},
	"empty text times":      {"{{ '' * 10 ** 300 }}{% include 'nope' %}", "no prompt"},
	"doubling text":         {"{% set a = 'aaaaaaaaaaaaaaaa' %}" + strings.Repeat("{% set a = a ~ a %}", 40), "more than"},
	"doubling list":         {"{% set a = [1] %}" + strings.Repeat("{% set a = a + a %}", 40), "more than"},
	"doubling by reference": {"{% set a = [1] %}" + strings.Repeat("{% set a = [a, a] %}", 40) + "{{ a }}", "than"},
	"doubling to JSON":      {"{% set a = [1] %}" + strings.Repeat("{% set a = [a, a] %}", 40) + "{{ a|tojson }}", "than"},
	"doubling, indented":    {"{% set a = [1] %}" + strings.Repeat("{% set a = [a, a] %}", 40) + "{{ a|tojson(1000) }}", "than"},
	"doubling, compared":    {"{% set a = [1] %}{% set b = [1] %}" + strings.Repeat("{% set a = [a, a] %}{% set b = [b, b] %}", 40) + "{{ a == b }}", "more than"},
	"doubling, ordered":     {"{% set a = [1] %}{% set b = [1] %}" + strings.Repeat("{% set a = [a, a] %}{% set b = [b, b] %}", 40) + "{{ a < b }}", "more than"},
	"doubling, mappings":    {"{% set a = 1 %}{% set b = 1 %}" + strings.Repeat("{% set a = {'x': a, 'y': a} %}{% set b = {'x': b, 'y': b} %}", 40) + "{{ a == b }}", "more than"},
	"doubling, hashed":      {"{% set a = (1,) %}" + strings.Repeat("{% set a = (a, a) %}", 40) + "{{ {a: 1} }}", "more than"},
	"deep value":            {"{% set a = 1 %}" + strings.Repeat("{% set a = [a] %}", 3000) + "{{ a }}", "levels deep"},
	"deep value, compared":  {"{% set a = 1 %}{% set b = 1 %}" + strings.Repeat("{% set a = [a] %}{% set b = [b] %}", 2000) + "{{ a == b }}", "levels deep"},
	"block doubling":        {"{% set a %}aaaaaaaaaaaaaaaa{% endset %}" + strings.Repeat("{% set a %}{{ a }}{{ a }}{% endset %}", 40), "more than"},
	"replace bomb":          {"{{ ('a' * 100000)|replace('a', 'a' * 100000) }}", "more than"},
	"replace of nothing":    {"{{ ('a' * 100000)|replace('', 'b' * 100000) }}", "more than"},
	"replace again":         {"{% set a = 'aaaaaaaa' %}" + strings.Repeat("{% set a = a|replace('a', 'aaaaaaaa') %}", 20), "more than"},
	"join bomb":             {"{{ range(100000)|join('a' * 100000) }}", "more than"},
	"join of itself":        {"{{ (['a' * 1000] * 10000)|join('b' * 1000) }}", "more than"},
	"concatenation bomb":    {"{% set a = 'a' * 1000000 %}{{ a ~ a ~ a ~ a ~ a ~ a ~ a ~ a }}", "more than"},
	"indent bomb":           {"{{ ('a\n' * 100000)|indent(100000) }}", "more than"},
	"indent wide":           {"{{ 'a'|indent(2000000000, true) }}", "more than"},
	"JSON indent":           {"{{ [1]|tojson(2000000000) }}", "more than"},
	"list of text":          {"{{ ('a' * 1000000)|list }}", "more than"},
	"reverse of text":       {"{{ ('a' * 1000000)|reverse }}", "more than"},
	"slice of text":         {"{{ ('a' * 1000000)[::-1] }}", "more than"},
	"sort bomb":             {"{% for i in range(9999) %}{% set x = range(99999)|sort(reverse=true) %}{% endfor %}", "than"},
	"sort of long texts":    {"{% set a = ('a' * 100000) %}{% for i in range(9999) %}{% set x = [a ~ 'c', a ~ 'b', a ~ 'd']|sort %}{% endfor %}", "than"},
	"comparing long texts":  {"{% set a = 'a' * 1000000 %}{% set b = 'a' * 1000000 %}{% for i in range(99999) %}{{ '' if a == b }}{% endfor %}", "more than"},
	"searching long texts":  {"{% set a = 'a' * 1000000 %}{% for i in range(99999) %}{{ '' if 'aaaaab' in a }}{% endfor %}", "more than"},
	"length of long texts":  {"{% set a = 'a' * 1000000 %}{% for i in range(99999) %}{{ '' if a|length == 1 }}{% endfor %}", "more than"},
	"last of long texts":    {"{% set a = 'ä' * 1000000 %}{% for i in range(99999) %}{{ '' if a[-1] == a[999999] }}{% endfor %}", "more than"},
	"unique bomb":           {"{{ range(100000)|unique|map('string')|unique|list }}", "than"},
	"map bomb":              {"{{ ['a' * 100000] * 1000 }}{{ (['a' * 10000] * 10000)|map('upper')|list }}", "than"},
	"filter chain":          {"{{ 'a'" + strings.Repeat("|upper", 10000) + " }}", "build on each other"},
	"power":                 {"{{ 10 ** (10 ** 10) }}", "4096 bits"},
	"power of power":        {"{{ (10 ** 1000) ** (10 ** 1000) }}", "4096 bits"},
	"power tower":           {"{{ 9 ** (9 ** (9 ** 9)) }}", "4096 bits"},
	"large products":        {"{% set a = 2 ** 2000 %}{% for i in range(99999) %}{% set x = a * a %}{% endfor %}", "than"},
	"large quotients":       {"{% set a = 2 ** 4000 %}{% for i in range(99999) %}{% set x = a // 3 // 7 %}{% endfor %}", "than"},
	"large numbers as text": {"{% set a = 2 ** 4000 %}{% for i in range(99999) %}{{ '' if a|string }}{% endfor %}", "than"},
	"rounding":              {"{% set a = 2 ** 4000 %}{% for i in range(99999) %}{{ '' if a|round(-300) }}{% endfor %}", "than"},
	"long number":           {"{{ " + strings.Repeat("9", 100000) + " }}", "digits"},
	"parentheses":           {"{{ " + nested("(", "1", ")", 100000) + " }}", "within each other"},
	"brackets":              {"{{ " + nested("[", "1", "]", 100000) + " }}", "within each other"},
	"braces":                {"{{ " + nested("{1:", "1", "}", 100000) + " }}", "within each other"},
	"negations":             {"{{ " + strings.Repeat("not"+" ", 100000) + "1 }}", "within each other"},
	"signs":                 {"{{ " + strings.Repeat("- ", 100000) + "1 }}", "within each other"},
	"sums":                  {"{{ 1" + strings.Repeat("+1", 100000) + " }}", "build on each other"},
	"powers":                {"{{ 1" + strings.Repeat("**1", 100000) + " }}", "build on each other"},
	"members":               {"{{ a" + strings.Repeat(".a", 100000) + " }}", "build on each other"},
	"indexes":               {"{{ a" + strings.Repeat("[0]", 100000) + " }}", "build on each other"},
	"conditions":            {"{{ 1" + strings.Repeat(" if 1 else 1", 80000) + " }}", "within each other"},
	"many ors":              {"{{ 1" + strings.Repeat(" or 1", 100000) + " }}", "build on each other"},
	"tests":                 {"{{ 1" + strings.Repeat(" is defined()", 10000) + " }}", "build on each other"},
	"blocks":                {nested("{% if 1 %}", "", "{% endif %}", 40000), "within each other"},
	"blocks, open":          {strings.Repeat("{% for x in y %}", 60000), "within each other"},
	"targets":               {"{% for " + nested("(", "a", ",)", 100000) + " in x %}{% endfor %}", "within each other"},
	"many values":           {strings.Repeat("{{a}}", 100000), "expressions and statements"},
	"many strings":          {"{{ " + strings.Repeat("'a'", 200000) + " }}", "expressions and statements"},
	"many items":            {"{{ [" + strings.Repeat("1,", 400000) + "] }}", "expressions and statements"},
	"many names":            {"{% set " + strings.Repeat("a,", 100000) + "b = x %}", "expressions and statements"},
	"large template":        {strings.Repeat("x", 2<<20), "larger than 1 MiB"},
	"large result":          {"{% for i in range(99999) %}" + strings.Repeat("x", 100000) + "{% endfor %}", "longer than"},
	"open comments":         {strings.Repeat("{#", 500000), "no end"},
	"open raw":              {strings.Repeat("{% raw %}", 100000), "no end"},
	"open tags":             {strings.Repeat("{% ", 300000), "begins with a name"},
	"open strings":          {"{{ " + strings.Repeat("'\\", 300000), "no end"},
	"spaces":                {strings.Repeat("{%-"+strings.Repeat(" ", 1000), 1000), "begins with a name"},
	"sets":                  {strings.Repeat("{% set a = 'a' * 4000 %}", 6000), "than"},
	"broken text":           {"a\xff\xfe{{ x }}", "UTF-8"},
	"escapes of long texts": {"{% set a = '\\x01' * 1000000 %}{{ [a] }}{{ a|tojson }}", "than"},
	"escape bomb":           {"{% set a = ('<' * 1000000)|e %}{{ a|e|e|e|e|e }}", "than"},
	"escapes of quotes":     {"{% set a = '\"' * 2900000 %}{{ a|e }}", "more than"},
	"capitals that grow":    {"{% set a = 'ɐ' * 1500000 %}{{ a|upper }}", "more than"},
	"deep mappings":         {"{% set a = 1 %}{% set b = 1 %}" + strings.Repeat("{% set a = {1: a} %}{% set b = {1: b} %}", 1000) + "{{ a == b }}", "levels deep"},
	"text for names":        {"{% set a, b = 'a' * 1000000 %}", "more than"},
	"long name":             {"{{ " + strings.Repeat("a", 100000) + " + 1 }}", "longer than 120 bytes"},
	"long key":              {"{{ {}['a' * 100000] + 1 }}", "no such member"},
	"long keys":             {"{% set a = 'a' * 100000 %}{% for i in range(99999) %}{{ 1[a] }}{{ {}[a] }}{% endfor %}", "more than"},
	"long key of a number":  {"{{ 1['__' ~ 'a' * 100000] }}", "JSON values only"},
	"long prompt":           {"{% include 'a' * 100000 %}", "files cannot"},
	"long filter":           {"{{ [1]|map('a' * 100000) }}", "no filter"},
	"long test":             {"{{ [1]|select('a' * 100000) }}", "no test"},
	"truncate":              {"{% for i in range(99999) %}{% set x = ('a' * 100000)|truncate(100000, true, 'b' * 99999) %}{% endfor %}", "than"},
	"words":                 {"{% for i in range(99999) %}{% set x = ('a ' * 100000)|wordcount %}{% endfor %}", "than"},
	"title":                 {"{% for i in range(99999) %}{% set x = ('a ' * 100000)|title|capitalize|lower %}{% endfor %}", "than"},
	"trim":                  {"{% set a = ' ' * 1000000 %}{% for i in range(99999) %}{% set x = a|trim %}{% endfor %}", "than"},
	"int":                   {"{% set a = '9' * 1000000 %}{% for i in range(99999) %}{% set x = a|int %}{% endfor %}", "than"},
	"float":                 {"{% set a = '9' * 1000000 %}{% for i in range(99999) %}{% set x = a|float %}{% endfor %}", "than"},
	"attribute path":        {"{{ [1]|map(attribute='a.' * 1000000)|list }}", "than"},
	"sort by many":          {"{{ range(99999)|sort(attribute='0,' * 1000) }}", "than"},
	"loop state kept":       {"{% for x in range(99999) %}{% set l = loop %}{{ loop.changed(range(99999)|list) }}{% endfor %}", "than"},
	"deep JSON":             {"{{ deep }}", "levels deep"},
	"large JSON":            {"{{ large|length }}", "more than"},
	"a Go value":            {"{{ channel }}", "not JSON"},
}

// library of prompts that include each other.
var circles = map[string]string{
	"self": "x{% include 'self' %}", "ping": "{% include 'pong' %}", "pong": "{% include 'ping' %}",
	"double": "{% include 'double' %}{% include 'double' %}", "big": strings.Repeat("x", 100000),
}

// hostileVars are what the hostile templates are given.
func hostileVars() map[string]any {
	return map[string]any{
		"deep":    rawJSON(nested("[", "1", "]", 100000)),
		"large":   strings.Split(strings.Repeat("x,", 500000), ","),
		"channel": make(chan int),
	}
}

// TestHostile wants every one of them stopped by what it computes and makes, not by the clock, and by an error that
// tells the place and what was wrong.
func TestHostile(t *testing.T) {
	vars := hostileVars()
	var largest uint64
	for name, tt := range hostile {
		t.Run(name, func(t *testing.T) {
			took, used, err := attempt(t.Context(), tt.text, vars)
			largest = max(largest, used)
			e, ok := errors.AsType[*prompt.Error](err)
			switch {
			case !ok:
				t.Fatalf("error = %v, want an *Error", err)
			case e.Line < 1 || e.Column < 1 || e.Message == "" || len(err.Error()) > 600:
				t.Errorf("error = %q, want a short one with its place", err)
			case !strings.Contains(err.Error(), tt.want):
				t.Errorf("error = %q, want one with %q", err, tt.want)
			case took > maxHostileTime:
				t.Errorf("took %v", took)
			case used > maxHostileMemory:
				t.Errorf("allocated %d bytes", used)
			}
		})
	}
	t.Logf("%d templates; largest %.1f MiB", len(hostile), float64(largest)/(1<<20))
}

// attempt parses and renders a template, and returns what it took.
func attempt(ctx context.Context, text string, vars map[string]any) (took time.Duration, used uint64, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	err = render(ctx, text, vars)
	took = time.Since(start)
	runtime.ReadMemStats(&after)
	return took, after.TotalAlloc - before.TotalAlloc, err
}

// BenchmarkHostile tells how long the slowest of them takes until it is stopped.
func BenchmarkHostile(b *testing.B) {
	vars := hostileVars()
	var slowest time.Duration
	var which string
	for b.Loop() {
		for name, tt := range hostile {
			if took, _, _ := attempt(b.Context(), tt.text, vars); took > slowest {
				slowest, which = took, name
			}
		}
	}
	b.ReportMetric(float64(slowest.Microseconds())/1000, "ms/slowest")
	b.Logf("slowest: %s, %v", which, slowest)
}

func render(ctx context.Context, text string, vars map[string]any) error {
	tmpl, err := prompt.Parse(prompt.Origin{Name: "hostile"}, text)
	if err != nil {
		return err
	}
	opts := prompt.Options{Include: library(circles), Limits: prompt.Limits{Time: time.Minute}}
	out, err := tmpl.Render(ctx, vars, opts)
	if err == nil {
		return fmt.Errorf("rendered %d bytes", len(out))
	}
	return err
}

func rawJSON(text string) json.RawMessage { return json.RawMessage(text) }
