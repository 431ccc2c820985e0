#!/usr/bin/env python3
"""Records what MCP servers of others say about their tools: harmless texts that nobody wrote for the detector. They are judged and not kept here.

    npm install --prefix DIR --ignore-scripts @modelcontextprotocol/server-{filesystem,everything,memory,sequential-thinking,github,gitlab,slack} \\
        @modelcontextprotocol/server-{google-maps,brave-search,puppeteer,everart} @cyanheads/git-mcp-server @wonderwhy-er/desktop-commander
    record_definitions.py DIR > definitions.jsonl && DEFINITIONS=$PWD/definitions.jsonl make eval

Servers that want a key are given one that is none: to list tools they need no more.
"""

import glob
import json
import os
import subprocess
import sys
import tempfile
import threading

KEYS = ["GITHUB_PERSONAL_ACCESS_TOKEN", "GITLAB_PERSONAL_ACCESS_TOKEN", "SLACK_BOT_TOKEN", "SLACK_TEAM_ID", "GOOGLE_MAPS_API_KEY", "BRAVE_API_KEY",
        "EVERART_API_KEY"]
PATIENCE = 30  # seconds for one server
SHORTEST = 12


def exchange(process):
    """Yields the answers to initialize and to tools/list."""
    def send(**message):
        process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        process.stdin.flush()

    def request(number, method, **params):
        send(id=number, method=method, params=params)
        for line in process.stdout:
            if not line.startswith("{"):
                continue
            message = json.loads(line)
            if message.get("id") == number and "method" not in message:
                return message.get("result", {})
            if "id" in message:  # the server asks something of its client: it has nothing to give
                send(id=message["id"], error={"code": -32601, "message": "not offered"})
        return {}

    yield request(1, "initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "recorder", "version": "1"})
    send(method="notifications/initialized")
    yield request(2, "tools/list")


def described(schema):
    """Yields the descriptions of a schema."""
    if isinstance(schema, dict):
        if isinstance(schema.get("description"), str):
            yield schema["description"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from described(part)


def texts(folder):
    """Yields the kind and the text of all that a server says before it is called."""
    package = json.load(open(os.path.join(folder, "package.json")))
    programs = package["bin"]
    program = programs if isinstance(programs, str) else sorted(programs.items())[0][1]
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(["node", os.path.join(folder, program), home], cwd=home, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, env={"PATH": os.environ["PATH"], "HOME": home, **dict.fromkeys(KEYS, "none")})
        timer = threading.Timer(PATIENCE, process.kill)
        timer.start()
        try:
            hello, listed = exchange(process)
        finally:
            timer.cancel()
            process.kill()
            process.wait()
    yield "instructions", hello.get("instructions") or ""
    for tool in listed.get("tools", []):
        yield "description", tool.get("description") or ""
        yield "description", tool.get("title") or ""
        for text in described([tool.get("inputSchema"), tool.get("outputSchema")]):
            yield "argument", text


def main():
    modules, seen = os.path.join(sys.argv[1], "node_modules"), set()
    for name in ["@modelcontextprotocol/server-*", "@cyanheads/git-mcp-server", "@wonderwhy-er/desktop-commander"]:
        for folder in sorted(glob.glob(os.path.join(modules, name))):
            for kind, text in texts(folder):
                text = text.strip()
                if len(text) >= SHORTEST and text.lower() not in seen:
                    seen.add(text.lower())
                    print(json.dumps({"text": text, "category": "real", "language": "en", "kind": kind, "label": 0}, ensure_ascii=False))


main()
