"""Records what Jinja makes of the cases in cases/, for go test to compare with.

    python3 -m venv venv && venv/bin/pip install jinja2 && venv/bin/python record.py

A file of cases is JSON lines. The first is {"vars": …, "includes": …}, which
stands for the rest of the file; each other line is a template. The recorded
file of the same name has one line a case: what it renders as, or the error,
and the variables that are not set in it. Given an argument, record.py writes
there instead of into recorded/.
"""

import json
import pathlib
import sys

import jinja2
import jinja2.meta
import jinja2.sandbox

here = pathlib.Path(__file__).parent
out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here / "recorded"
out.mkdir(exist_ok=True)


def case(template, shared):
    result = {"template": template}
    env = jinja2.sandbox.SandboxedEnvironment(loader=jinja2.DictLoader(shared.get("includes", {})))
    try:
        result["variables"] = sorted(jinja2.meta.find_undeclared_variables(env.parse(template)))
        result["output"] = env.from_string(template).render(shared["vars"])
    except Exception as e:  # whatever it is, the other engine has to fail as well
        result["error"] = f"{type(e).__name__}: {e}"
    return result


for file in sorted((here / "cases").glob("*.jsonl")):
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    results = [json.dumps(case(t, lines[0]), ensure_ascii=False) for t in lines[1:]]
    (out / file.name).write_text("\n".join(results) + "\n", "utf-8")
(out / "version.txt").write_text(f"jinja2 {jinja2.__version__}, python {sys.version.split()[0]}\n", "utf-8")
