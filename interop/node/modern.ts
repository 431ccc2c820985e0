// Version 2 of the official SDK, which speaks the modern era where it can.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import type { Connection, Endpoint, Handlers } from "./connection.ts";

export async function connect(to: Endpoint, handlers: Handlers): Promise<Connection> {
  const client = new Client(
    { name: "sumun-interop-typescript", version: "2.0.0" },
    {
      capabilities: { elicitation: {}, sampling: {}, roots: {} },
      versionNegotiation: { mode: "auto" },
    },
  );
  client.setRequestHandler("elicitation/create", async () => ({
    action: "accept",
    content: handlers.elicited() as {},
  }));
  client.setRequestHandler("sampling/createMessage", async ({ params }) => {
    const asked = params.messages[0].content;
    const text = !Array.isArray(asked) && asked.type === "text" ? asked.text : "?";
    return { role: "assistant", model: "parrot", content: { type: "text", text: handlers.sampled(text) } };
  });
  client.setRequestHandler("roots/list", async () => ({ roots: handlers.roots() }));
  const headers: Record<string, string> = to.key ? { Authorization: `Bearer ${to.key}` } : {};
  await client.connect(
    to.url
      ? new StreamableHTTPClientTransport(new URL(to.url), { requestInit: { headers } })
      : new StdioClientTransport({ command: to.command!, args: to.args, stderr: "ignore" }),
  );
  return Object.assign(client, {
    revision: () => client.getNegotiatedProtocolVersion() ?? "",
  }) as unknown as Connection;
}
