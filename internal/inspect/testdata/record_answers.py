#!/usr/bin/env python3
"""Records what MCP servers of others answer about this repository, as real_answers.jsonl: harmless texts that nobody wrote for the detector.

    npm install --prefix DIR --ignore-scripts @modelcontextprotocol/server-{filesystem,everything,memory,sequential-thinking} \\
        @cyanheads/git-mcp-server @wonderwhy-er/desktop-commander
    git clone . /tmp/copy && record_answers.py DIR /tmp/copy > real_answers.jsonl

The servers work on the copy, which they change. Where it lies is written as /workspace, and nobody's name stays in its history. What the samples
of this folder say, and the animals of the zoo, whose answers are not harmless, are not read.
"""

import glob
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = "/workspace"
LONGEST = 1300


class Server:
    """A server run over stdio, with a home of its own."""

    def __init__(self, command, root, **env):
        self.root, self.home = root, tempfile.mkdtemp()
        self.process = subprocess.Popen(command, cwd=root, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        env={"PATH": os.environ["PATH"], "HOME": self.home, **env})
        self.id = 0
        self.request("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={"name": "recorder", "version": "1"})
        self.send(method="notifications/initialized")

    def send(self, **message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def request(self, method, **params):
        self.id += 1
        self.send(id=self.id, method=method, params=params)
        for line in self.process.stdout:
            message = json.loads(line)
            if message.get("id") == self.id and "method" not in message:
                return message.get("result") or {"content": [{"type": "text", "text": message["error"]["message"]}]}
            if "id" in message:  # the server asks something of its client: it has nothing to give
                self.send(id=message["id"], error={"code": -32601, "message": "not offered"})
        raise EOFError(method)

    def call(self, tool, **arguments):
        """Yields the texts of an answer."""
        for part in self.request("tools/call", name=tool, arguments=arguments).get("content", []):
            text = part.get("text") or part.get("resource", {}).get("text") or ""
            yield nameless(text.replace(self.root, ROOT).replace(self.home, "/home/user"), self.root).strip()[:LONGEST]

    def close(self):
        self.process.stdin.close()
        self.process.terminate()
        self.process.wait()


def nameless(text, root):
    """Writes a name of nobody for that of the author of the last commit, and nothing for where a branch came from."""
    name, mail = subprocess.run(["git", "log", "-1", "--format=%an%n%ae"], cwd=root, text=True, capture_output=True, check=True).stdout.split("\n")[:2]
    return re.sub(r"(Merge branch '\S+') of [^\s\"]+", r"\1", text.replace(mail, "maintainers@example.org").replace(name, "The Maintainers"))


def documents(root):
    """The files that are read: prose first, then code of every room."""
    of = lambda *patterns: sorted(p for g in patterns for p in glob.glob(os.path.join(root, g), recursive=True) if os.path.isfile(p))
    prose = [path for path in of("*.md", "docs/*.md", "examples/**/*.md", "examples/*.yaml", "examples/*.json", "examples/**/*.yaml", "Makefile") if ".ko." not in path]
    rooms = {}
    for path in of("internal/*/*.go", "cmd/**/*.go", "internal/**/*.sql", "cmd/**/*.txtar"):
        if "/zoo/" not in path and "/inspect/" not in path:
            rooms.setdefault(os.path.dirname(path), []).append(path)
    return prose, [path for paths in rooms.values() for path in paths[:1]]


def filesystem(server, root, prose, code):
    for path in prose:
        yield from server.call("read_text_file", path=path)
        yield from server.call("read_text_file", path=path, head=12)
        yield from server.call("read_text_file", path=path, tail=25)
    for path in code:
        yield from server.call("read_text_file", path=path, head=60)
    for folder in sorted({os.path.dirname(path) for path in prose + code}):
        yield from server.call("list_directory", path=folder)
        yield from server.call("list_directory_with_sizes", path=folder)
    for pattern in ("**/*.md", "**/*.sql", "**/*_test.go", "**/secret*", "**/*token*", "**/nothing"):
        yield from server.call("search_files", path=root, pattern=pattern)
    for path in prose[:12]:
        yield from server.call("get_file_info", path=path)
        first = open(path, encoding="utf-8").readline().strip()
        yield from server.call("edit_file", path=path, edits=[{"oldText": first, "newText": first + " (draft)"}], dryRun=True)
    yield from server.call("read_multiple_files", paths=prose[3:6])
    yield from server.call("directory_tree", path=os.path.join(root, "docs"))
    yield from server.call("list_allowed_directories")
    for path in ("/etc/passwd", os.path.join(root, ".env")):
        yield from server.call("read_text_file", path=path)
    yield from server.call("write_file", path=os.path.join(root, "note.txt"), content="Ask before deleting.\n")
    yield from server.call("move_file", source=os.path.join(root, "note.txt"), destination=os.path.join(root, "docs", "note.txt"))
    yield from server.call("create_directory", path=os.path.join(root, "drafts"))


def memory(server, root, prose, _):
    for path in prose[:40]:
        lines = [line.strip("# \n") for line in open(path, encoding="utf-8") if line.startswith("#")]
        name = os.path.basename(path)
        yield from server.call("create_entities", entities=[{"name": name, "entityType": "document", "observations": lines[:4]}])
        yield from server.call("add_observations", observations=[{"entityName": name, "contents": lines[4:8]}])
    yield from server.call("create_relations", relations=[{"from": "README.md", "to": "security.md", "relationType": "refers to"}])
    for word in ("key", "token", "secret", "send", "ignore", "answer", "trust", "nothing at all"):
        yield from server.call("search_nodes", query=word)
    yield from server.call("open_nodes", names=["README.md", "security.md"])
    yield from server.call("delete_observations", deletions=[{"entityName": "README.md", "observations": ["Install"]}])
    yield from server.call("add_observations", observations=[{"entityName": "nobody", "contents": ["x"]}])
    yield from server.call("read_graph")


def thinking(server, root, prose, _):
    for n, path in enumerate(prose[:6], 1):
        thought = open(path, encoding="utf-8").read(400)
        yield from server.call("sequentialthinking", thought=thought, thoughtNumber=n, totalThoughts=6, nextThoughtNeeded=n < 6)
    yield from server.call("sequentialthinking", thought="again", thoughtNumber="first")


def everything(server, root, prose, _):
    yield from server.call("echo", message="Send the report to the team and keep me in copy.")
    for tool, arguments in (("get-sum", {"a": 2, "b": 40}), ("get-annotated-message", {"messageType": "error", "includeImage": False}),
                            ("get-annotated-message", {"messageType": "debug", "includeImage": False}), ("get-resource-links", {"count": 3}),
                            ("get-structured-content", {"location": "Chicago"}), ("get-resource-reference", {"resourceType": "Text", "resourceId": 1}),
                            ("toggle-simulated-logging", {}), ("get-tiny-image", {}), ("trigger-long-running-operation", {"duration": 1, "steps": 2}),
                            ("get-sum", {"a": "two"}), ("no-such-tool", {})):
        yield from server.call(tool, **arguments)


def git(server, root, *_):
    yield from server.call("git_set_working_dir", path=root)
    yield from server.call("git_status", path=root)
    for skip in range(0, 200, 10):
        yield from server.call("git_log", path=root, maxCount=8, skip=skip)
    history = subprocess.run(["git", "log", "--format=%h", "-400"], cwd=root, text=True, capture_output=True, check=True).stdout.split()
    for commit in history[::16]:
        yield from server.call("git_show", path=root, object=commit, stat=True)
    for commit in history[10:200:20]:
        yield from server.call("git_diff", path=root, source=commit + "~1", target=commit, stat=True)
    for tool in ("git_branch", "git_tag", "git_remote", "git_stash"):
        yield from server.call(tool, path=root, mode="list")
    yield from server.call("git_blame", path=root, filePath="Makefile", startLine=1, endLine=20)


def commander(server, root, prose, code):
    for path in prose[20:40] + code[20:50]:
        yield from server.call("read_file", path=path, offset=10, length=25)
    for command in ("ls docs | head", "grep -rn 'secret' docs | head -15", "grep -rniE 'never|always|do not' docs | head -25", "wc -l docs/*.md",
                    "grep -n 'func ' internal/config/*.go | head -30", "cat nothing.txt", "go version; date -u +%Y"):
        yield from server.call("start_process", command="cd " + root + " && " + command, timeout_ms=4000)
    for folder in ("docs", "cmd", "examples"):
        yield from server.call("list_directory", path=os.path.join(root, folder), depth=2)
    yield from server.call("get_file_info", path=prose[0])
    yield from server.call("edit_block", file_path=prose[0], old_string="this stands nowhere", new_string="x")


def main():
    packages, root = (os.path.realpath(path) for path in sys.argv[1:3])
    program = lambda name, *arguments: [os.path.join(packages, "node_modules", ".bin", name), *arguments]
    subprocess.run(["git", "remote", "remove", "origin"], cwd=root, check=False)
    prose, code = documents(root)
    seen = set()
    for command, use, env in (
        (program("mcp-server-filesystem", root), filesystem, {}),
        (program("mcp-server-memory"), memory, {"MEMORY_FILE_PATH": os.path.join(tempfile.mkdtemp(), "memory.jsonl")}),
        (program("mcp-server-sequential-thinking"), thinking, {}),
        (program("mcp-server-everything"), everything, {}),
        (program("git-mcp-server"), git, {"MCP_TRANSPORT_TYPE": "stdio", "MCP_LOG_LEVEL": "error"}),
        (program("desktop-commander"), commander, {}),
    ):
        server, count = Server(command, root, **env), 0
        for text in use(server, root, prose, code):
            if len(text) < 4 or text.lower() in seen:
                continue
            seen.add(text.lower())
            count += 1
            print(json.dumps({"text": text, "category": "real", "language": "en", "kind": "answer", "label": 0, "held": True},
                             ensure_ascii=False))
        server.close()
        print(f"{use.__name__}: {count}", file=sys.stderr)


main()
