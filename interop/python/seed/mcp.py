"""What the example beside it imports: McpClient.call over HTTP, with nothing but the standard library."""

import itertools
import json
import urllib.error
import urllib.request


class McpClient:
    def __init__(self, endpoint, api_key, verify_signature=False):
        self.endpoint, self.api_key, self.verify_signature = endpoint, api_key, verify_signature
        self.ids = itertools.count(1)

    def call(self, method, params=None):
        message = {"jsonrpc": "2.0", "id": next(self.ids), "method": method}
        if params is not None:
            message["params"] = params
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Authorization": f"Bearer {self.api_key}"}
        request = urllib.request.Request(self.endpoint, json.dumps(message).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as refused:
            answer = json.load(refused)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        if answer["id"] != message["id"]:
            raise RuntimeError(f"{method}: the answer is to another request")
        return answer["result"]
