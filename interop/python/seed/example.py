"""The example of the seed's section 5.7 in its own words: only where the server is and the key are taken from the arguments."""

import hashlib
import json
import sys

from mcp import McpClient


def checksum_schema(schema):
    return hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()


client = McpClient(
    endpoint=sys.argv[1],
    api_key=sys.argv[2],
    verify_signature=True,
)

tools = client.call("mcp.tools.list")
for t in tools:
    local_hash = checksum_schema(t["schema"])
    if local_hash != t["checksum"]:
        print(f"[⚠️] Tool {t['toolId']} schema changed!")

print(f"{len(tools)} tools", file=sys.stderr)
