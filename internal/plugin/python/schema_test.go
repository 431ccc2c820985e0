package python

import (
	"fmt"
	"strings"
	"testing"
)

// typesOfPlugin stand before the functions of TestSchemas.
const typesOfPlugin = `
from __future__ import annotations

import collections.abc
import dataclasses
import datetime
import decimal
import enum
import pathlib
import sys
import typing
import uuid
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, TypedDict, Union

class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"

class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2

class Opaque(enum.Enum):
    A = object()
    B = object()

@dataclasses.dataclass
class Place:
    """Where something is."""
    city: str
    zip: str | None = None
    tags: list[str] = dataclasses.field(default_factory=list)
    _cache: int = dataclasses.field(default=0, init=False)

class Row(TypedDict):
    name: str
    count: int

class Patch(TypedDict, total=False):
    name: str

class Pair(NamedTuple):
    key: str
    value: float = 1.5

@dataclasses.dataclass
class Tree:
    label: str
    children: list[Tree] = dataclasses.field(default_factory=list)

UserId = NewType("UserId", int)

@dataclasses.dataclass(frozen=True)
class Ge:
    ge: int
`

// TestSchemas: annotations, defaults and docstrings become the schemas of tools.
func TestSchemas(t *testing.T) {
	for _, p := range interpreters(t) {
		t.Run(p.Tag, func(t *testing.T) { testSchemas(t, p) })
	}
}

func testSchemas(t *testing.T, python *interpreter) {
	t.Helper()
	tests := []struct{ function, input, output string }{
		{`def nothing(): pass`, `{"type":"object","properties":{},"additionalProperties":false}`, ``},
		{
			`def scalars(a: str, b: int, c: float, d: bool, e: None) -> int: ...`,
			members(`"a":{"type":"string"},"b":{"type":"integer"},"c":{"type":"number"},"d":{"type":"boolean"},"e":{"type":"null"}`, "a", "b", "c", "d", "e"),
			`{"type":"object","properties":{"result":{"type":"integer"}},"required":["result"],"additionalProperties":false}`,
		},
		{
			`def defaults(a: int = 3, b: str = "x", c: float | None = None, d: list[int] = [], e=True, f: Colour = Colour.RED, g: Any = object()) -> str: ...`,
			members(`"a":{"type":"integer","default":3},"b":{"type":"string","default":"x"},"c":{"anyOf":[{"type":"number"},{"type":"null"}],"default":null},
				"d":{"type":"array","items":{"type":"integer"},"default":[]},"e":{"type":"boolean","default":true},"f":{"type":"string","enum":["red","blue"],"default":"red"},"g":{}`), ``,
		},
		{
			`def containers(a: list, b: list[str], c: dict, d: dict[str, int], e: tuple, f: tuple[int, ...], g: tuple[str, int], h: set[str], i: collections.abc.Sequence[bool], j: typing.List[int], k: typing.Dict[str, Any]): ...`,
			members(`"a":{"type":"array"},"b":{"type":"array","items":{"type":"string"}},"c":{"type":"object"},"d":{"type":"object","additionalProperties":{"type":"integer"}},
				"e":{"type":"array"},"f":{"type":"array","items":{"type":"integer"}},"g":{"type":"array","prefixItems":[{"type":"string"},{"type":"integer"}],"minItems":2,"maxItems":2},
				"h":{"type":"array","items":{"type":"string"},"uniqueItems":true},"i":{"type":"array","items":{"type":"boolean"}},"j":{"type":"array","items":{"type":"integer"}},"k":{"type":"object"}`,
				"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"), ``,
		},
		{
			`def choices(a: Literal["x", "y"], b: Literal[1, "z", None], c: Colour, d: Level, e: Opaque, f: Optional[str], g: Union[int, str], h: int | str | None): ...`,
			members(`"a":{"type":"string","enum":["x","y"]},"b":{"enum":[1,"z",null]},"c":{"type":"string","enum":["red","blue"]},"d":{"type":"integer","enum":[1,2]},"e":{"type":"string","enum":["A","B"]},
				"f":{"anyOf":[{"type":"string"},{"type":"null"}]},"g":{"anyOf":[{"type":"integer"},{"type":"string"}]},"h":{"anyOf":[{"type":"integer"},{"type":"string"},{"type":"null"}]}`,
				"a", "b", "c", "d", "e", "f", "g", "h"), ``,
		},
		{
			`def written(a: bytes, b: datetime.datetime, c: datetime.date, d: datetime.time, e: uuid.UUID, f: decimal.Decimal, g: pathlib.Path, h: UserId): ...`,
			members(`"a":{"type":"string","contentEncoding":"base64"},"b":{"type":"string","format":"date-time"},"c":{"type":"string","format":"date"},"d":{"type":"string","format":"time"},
				"e":{"type":"string","format":"uuid"},"f":{"type":["string","number"]},"g":{"type":"string"},"h":{"type":"integer"}`, "a", "b", "c", "d", "e", "f", "g", "h"), ``,
		},
		{
			`def structures(place: Place, row: Row, patch: Patch, pair: Pair) -> Place: ...`,
			members(`"place":{"type":"object","properties":{"city":{"type":"string"},"zip":{"anyOf":[{"type":"string"},{"type":"null"}],"default":null},"tags":{"type":"array","items":{"type":"string"}}},
					"required":["city"],"additionalProperties":false,"description":"Where something is."},
				"row":{"type":"object","properties":{"name":{"type":"string"},"count":{"type":"integer"}},"required":["name","count"]},
				"patch":{"type":"object","properties":{"name":{"type":"string"}}},
				"pair":{"type":"object","properties":{"key":{"type":"string"},"value":{"type":"number","default":1.5}},"required":["key"],"additionalProperties":false}`,
				"place", "row", "patch", "pair"),
			`{"type":"object","properties":{"city":{"type":"string"},"zip":{"anyOf":[{"type":"string"},{"type":"null"}],"default":null},"tags":{"type":"array","items":{"type":"string"}}},
				"required":["city"],"description":"Where something is."}`,
		},
		{
			`def recursive(tree: Tree) -> list[Tree]: ...`,
			`{"type":"object","properties":{"tree":{"$ref":"#/$defs/Tree"}},"required":["tree"],"additionalProperties":false,
				"$defs":{"Tree":{"type":"object","properties":{"label":{"type":"string"},"children":{"type":"array","items":{"$ref":"#/$defs/Tree"}}},"required":["label"],"additionalProperties":false}}}`,
			`{"type":"object","properties":{"result":{"type":"array","items":{"$ref":"#/$defs/Tree"}}},"required":["result"],"additionalProperties":false,
				"$defs":{"Tree":{"type":"object","properties":{"label":{"type":"string"},"children":{"type":"array","items":{"$ref":"#/$defs/Tree"}}},"required":["label"]}}}`,
		},
		{
			`def annotated(a: Annotated[int, "how many", Ge(0)], b: Annotated[list[str], {"maxItems": 3}], c: Annotated[str, {"pattern": "^x"}] = "x"): ...`,
			members(`"a":{"type":"integer","description":"how many","minimum":0},"b":{"type":"array","items":{"type":"string"},"maxItems":3},"c":{"type":"string","pattern":"^x","default":"x"}`, "a", "b"), ``,
		},
		{`def keywords(*, a: int, **rest: str): ...`, `{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":{"type":"string"}}`, ``},
		{`def strange(a: Missing, b: print, c: Tree | Missing): ...`, members(`"a":{},"b":{},"c":{}`, "a", "b", "c"), ``},
		{`def circumstances(a: int, context): ...`, members(`"a":{"type":"integer"}`, "a"), ``},
		{`async def later(ctx, a: int = 1) -> dict: ...`, members(`"a":{"type":"integer","default":1}`), `{"type":"object"}`},
		{
			`def wholly(args, context) -> Row: return args["a"] + args.get("b", 2)`, `{"type":"object","properties":{"a":{},"b":{"default":2}},"required":["a"]}`,
			`{"type":"object","properties":{"name":{"type":"string"},"count":{"type":"integer"}},"required":["name","count"]}`,
		},
		{`def typed(args: Row, ctx): ...`, `{"type":"object","properties":{"name":{"type":"string"},"count":{"type":"integer"}},"required":["name","count"]}`, ``},
		{`def ordinary(args: list[str]): ...`, members(`"args":{"type":"array","items":{"type":"string"}}`, "args"), ``},
		{"def passed(params):\n    if 'x' in params: params['x']\n    return params['y']", `{"type":"object","properties":{"x":{},"y":{}},"required":["y"]}`, ``},
	}
	var code strings.Builder
	code.WriteString(typesOfPlugin)
	for _, tt := range tests {
		fmt.Fprintf(&code, "\n%s\n", tt.function)
	}
	p := launchWith(t, python, code.String()).greet(nil)
	tools := byName(t, p.result("tools/list", nil)["tools"])
	for _, tt := range tests {
		name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(tt.function, "async "), "def "), "(")
		tool, ok := tools[name]
		if !ok {
			t.Errorf("there is no tool %s", name)
			continue
		}
		equal(t, name+"'s input", tool["inputSchema"], tt.input)
		switch {
		case tt.output == "" && tool["outputSchema"] != nil:
			t.Errorf("%s's output is %s, want none", name, text(t, tool["outputSchema"]))
		case tt.output != "":
			equal(t, name+"'s output", tool["outputSchema"], tt.output)
		}
	}
	if len(tools) != len(tests) {
		t.Errorf("there are %d tools, want %d", len(tools), len(tests))
	}
	_ = p.exit()
	for _, want := range []string{"strange: the type of a is not understood: Missing", "strange: the type of b is not understood: print", "wholly: nothing tells the type of a, b: "} {
		if !strings.Contains(p.errors(), want) {
			t.Errorf("standard error does not have %q:\n%s", want, p.errors())
		}
	}
	if n := strings.Count(p.errors(), "\n"); n != 5 {
		t.Errorf("there are %d notices, want 5:\n%s", n, p.errors())
	}
}

// members is the schema of a function's parameters.
func members(properties string, required ...string) string {
	must := ""
	if len(required) > 0 {
		must = `"required":["` + strings.Join(required, `","`) + `"],`
	}
	return `{"type":"object","properties":{` + properties + `},` + must + `"additionalProperties":false}`
}

func byName(t *testing.T, list any) map[string]object {
	t.Helper()
	all := map[string]object{}
	elements, _ := list.([]any)
	for _, element := range elements {
		one, _ := element.(object)
		name, _ := one["name"].(string)
		all[name] = one
	}
	return all
}

// TestDocstrings: the three styles say the same.
func TestDocstrings(t *testing.T) {
	const code = `
def google(city, days=3, units="c"):
    """Tells the weather.

    It may rain.

    Args:
        city (str): Where, with
            its country.
        days (int, optional): How many.
        units ({'c', 'f'}): Which scale.

    Returns:
        dict: What to expect.

    Raises:
        ValueError: if it is nowhere.
    """

def numpy(city, days=3, units="c"):
    """
    Tells the weather.

    It may rain.

    Parameters
    ----------
    city : str
        Where, with
        its country.
    days : int, optional
        How many.
    units : {'c', 'f'}
        Which scale.

    Returns
    -------
    dict
        What to expect.

    Raises
    ------
    ValueError
        if it is nowhere.
    """

def rest(city, days=3, units="c"):
    """Tells the weather.

    It may rain.

    :param str city: Where, with
        its country.
    :param days: How many.
    :type days: int
    :param units: Which scale.
    :type units: {'c', 'f'}
    :returns: What to expect.
    :rtype: dict
    :raises ValueError: if it is nowhere.
    """

def typed(city: str, n: int = 1) -> int:
    """Counts. Note: not a section.

    Args:
        city: Where.
        nobody: Is not there.
        n (str): The annotation counts.

    Returns:
        How many.

    Example:
        >>> typed("x")
    """

def whole(args, context):
    """Asks.

    Args:
        question (str): What to ask.
        limit (int, optional): How many answers.
        kinds (list of str): Which.
    """
    return args
`
	p := launch(t, code).greet(nil)
	tools := byName(t, p.result("tools/list", nil)["tools"])
	for _, name := range []string{"google", "numpy", "rest"} {
		equal(t, name, tools[name], `{"name":"`+name+`","description":"Tells the weather.\n\nIt may rain.",
			"inputSchema":{"type":"object","properties":{"city":{"type":"string","description":"Where, with its country."},"days":{"type":"integer","description":"How many.","default":3},
				"units":{"type":"string","enum":["c","f"],"description":"Which scale.","default":"c"}},"required":["city"],"additionalProperties":false},
			"outputSchema":{"type":"object","description":"What to expect."}}`)
	}
	equal(t, "typed", tools["typed"], `{"name":"typed","description":"Counts. Note: not a section.\n\nExample:\n    >>> typed(\"x\")",
		"inputSchema":{"type":"object","properties":{"city":{"type":"string","description":"Where."},"n":{"type":"integer","description":"The annotation counts.","default":1}},"required":["city"],"additionalProperties":false},
		"outputSchema":{"type":"object","properties":{"result":{"type":"integer","description":"How many."}},"required":["result"],"additionalProperties":false}}`)
	equal(t, "whole", tools["whole"], `{"name":"whole","description":"Asks.","inputSchema":{"type":"object","properties":{"question":{"type":"string","description":"What to ask."},
		"limit":{"type":"integer","description":"How many answers."},"kinds":{"type":"array","items":{"type":"string"},"description":"Which."}},"required":["question","kinds"]}}`)
	if _ = p.exit(); p.errors() != "" {
		t.Errorf("standard error has\n%s", p.errors())
	}
}
