// Version 1 of the official SDK, which speaks the legacy era.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
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
  const headers: Record<string, string> = to.key ? { Authorization: `Bearer ${to.key}` } : {};
  const transport = to.url
    ? new StreamableHTTPClientTransport(new URL(to.url), { requestInit: { headers } })
    : new StdioClientTransport({ command: to.command!, args: to.args, stderr: "ignore" });
  await client.connect(transport);
  return Object.assign(client, {
    callTool: ((params, options) =>
      Client.prototype.callTool.call(client, params, undefined, options)) as Connection["callTool"],
    revision: () => "the legacy era",
  }) as unknown as Connection;
}
