"""The URIs of resources: how a template (RFC 6570) is made of parameters, and what it finds in a URI."""

import re
import urllib.parse

# How the URIs of resources without one of their own begin.
SCHEME = "sumun://"
VARIABLE = re.compile(r"[A-Za-z0-9_]+")


def of(name: str, parameters: list[str]) -> str:
    """Returns the URI, or the template, of a resource that has only a name."""
    query = "{?" + ",".join(parameters) + "}" if parameters else ""
    return SCHEME + urllib.parse.quote(name, safe="") + query


class Address:
    """A URI or a template of URIs. Of RFC 6570 it knows {x}, {+x}, {x*}, {/x,y}, {?x,y} and {&x,y}; between two slashes there is
    one variable at most, and one in all may have slashes itself, so that no URI takes long to be looked at."""

    LONGEST = 8 << 10  # what stands before the query

    def __init__(self, text: str):
        self.text = text
        self.variables: list[str] = []
        self._asked: list[str] = []  # variables of the query
        self._wide = 0
        self._here = 0  # variables since the last slash
        pattern, end = "", 0
        for found in re.finditer(r"\{([^{}]*)\}", text):
            pattern += self._literal(text[end : found.start()]) + self._expression(found[1])
            end = found.end()
        self._pattern = re.compile(pattern + self._literal(text[end:]), re.DOTALL)
        if self._wide > 1:
            raise ValueError(f"the URI {text} has two variables that may have slashes in them")

    def _literal(self, text: str) -> str:
        if re.search(r"[{}]", text):
            raise ValueError(f"the URI {self.text} has a brace without its other half")
        if "/" in text:
            self._here = 0
        return re.escape(text)

    def _expression(self, text: str) -> str:
        operator = text[0] if text[:1] in ("+", "/", "?", "&") else ""
        names = text[len(operator) :].split(",")
        if operator in ("", "+") and len(names) > 1:
            raise ValueError(f"the URI {self.text} has {{{text}}}; write each variable by itself")
        return "".join(self._variable(text, operator, name) for name in names)

    def _variable(self, text: str, operator: str, name: str) -> str:
        wide = operator == "+" or name.endswith("*")
        name = name.removesuffix("*")
        if not VARIABLE.fullmatch(name) or name in self.variables:
            raise ValueError(f"the URI {self.text} has {{{text}}}, which is not understood, or there twice")
        self.variables.append(name)
        if operator in ("?", "&"):
            self._asked.append(name)
            return ""
        self._here = 1 if operator == "/" else self._here + 1
        if self._here > 1:
            raise ValueError(f"the URI {self.text} has two variables without a slash between them")
        self._wide += wide
        return ("/" if operator == "/" else "") + f"(?P<{_group(name)}>{'.+' if wide else '[^/?#]+'})"

    def match(self, uri: str) -> dict[str, str] | None:
        """Returns the values of the variables in a URI, as far as there are any; None if it is another's."""
        rest, query = uri, ""
        if self._asked:
            rest, _, query = uri.partition("?")
        found = self._pattern.fullmatch(rest) if len(rest) <= self.LONGEST else None
        if found is None:
            return None
        values = {name: found[_group(name)] for name in self.variables if name not in self._asked}
        for part in query.split("&") if query else []:
            name, equals, value = part.partition("=")
            if name not in self._asked or name in values or not equals:
                return None
            values[name] = value
        try:
            return {name: urllib.parse.unquote(value, errors="strict") for name, value in values.items()}
        except UnicodeDecodeError:
            return None


def _group(name: str) -> str:
    return "v_" + name
