// Version 1 of the official SDK, which speaks the legacy era.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { WebSocketClientTransport } from "@modelcontextprotocol/sdk/client/websocket.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceUpdatedNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import type { Connection, Endpoint, Handlers } from "./connection.ts";

export async function connect(to: Endpoint, handlers: Handlers): Promise<Connection> {
  const client = new Client(
    { name: "sumun-interop-typescript", version: "1.0.0" },
    { capabilities: { elicitation: {}, sampling: {}, roots: { listChanged: true } } },
  );
  client.setRequestHandler(ElicitRequestSchema, async () => ({ action: "accept", content: handlers.elicited() as {} }));
  client.setRequestHandler(CreateMessageRequestSchema, async ({ params }) => {
    const asked = params.messages[0].content;
    const text = !Array.isArray(asked) && asked.type === "text" ? asked.text : "?";
    return { role: "assistant", model: "parrot", content: { type: "text", text: handlers.sampled(text) } };
  });
  client.setRequestHandler(ListRootsRequestSchema, async () => ({ roots: handlers.roots() }));
  client.setNotificationHandler(LoggingMessageNotificationSchema, (n) => handlers.logged(n.params.data));
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, (n) => handlers.changed(n.params.uri));
  await client.connect(transportTo(to));
  return Object.assign(client, {
    callTool: ((params, options) =>
      Client.prototype.callTool.call(client, params, undefined, options)) as Connection["callTool"],
    revision: () => "the legacy era",
  }) as unknown as Connection;
}

// The transport that a URL asks for: WebSocket by its scheme, HTTP+SSE by the path that it is found at everywhere.
function transportTo(to: Endpoint): Transport {
  if (!to.url) return new StdioClientTransport({ command: to.command!, args: to.args, stderr: "ignore" });
  const url = new URL(to.url);
  const requestInit = { headers: to.key ? { Authorization: `Bearer ${to.key}` } : ({} as Record<string, string>) };
  if (url.protocol === "ws:") return new WebSocketClientTransport(url); // which cannot send a key
  if (url.pathname === "/sse") return new SSEClientTransport(url, { requestInit });
  return new StreamableHTTPClientTransport(url, { requestInit }) as Transport;
}
