// A server on version 1 of the official SDK, which speaks the legacy era, over Streamable HTTP with sessions. Its tools ask the
// client back by requests in mid-call, as that era does.
//
//     PORT=4000 node bridge_server_legacy.ts
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { RequestHandlerExtra } from "@modelcontextprotocol/sdk/shared/protocol.js";
import {
  CallToolRequestSchema,
  CreateMessageResultSchema,
  ElicitResultSchema,
  ListRootsResultSchema,
  ListToolsRequestSchema,
  type ServerNotification,
  type ServerRequest,
} from "@modelcontextprotocol/sdk/types.js";
import { ended, form, names, pause, tokens } from "./bridge_tools.ts";

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

async function ask(extra: Extra) {
  return extra.sendRequest({ method: "elicitation/create", params: form }, ElicitResultSchema);
}

async function think(extra: Extra, text: string): Promise<string> {
  const messages = [{ role: "user" as const, content: { type: "text" as const, text } }];
  const asked = { method: "sampling/createMessage" as const, params: { messages, maxTokens: 10 } };
  const { content } = await extra.sendRequest(asked, CreateMessageResultSchema);
  return content.type === "text" ? content.text : content.type;
}

async function look(extra: Extra): Promise<string> {
  const { roots } = await extra.sendRequest({ method: "roots/list" }, ListRootsResultSchema);
  return roots.map((root) => root.uri).join(" ");
}

async function progress(extra: Extra, step: number): Promise<void> {
  const progressToken = extra._meta?.progressToken;
  if (progressToken === undefined) return;
  await extra.sendNotification({ method: "notifications/progress", params: { progressToken, progress: step, total: 3 } });
}

const tools: Record<string, (extra: Extra, token: string) => Promise<string>> = {
  async ask(extra) {
    const { action, content } = await ask(extra);
    return action === "accept" ? `accept ${content?.name}` : action;
  },
  think: (extra) => think(extra, "knock"),
  look,
  async talk(extra) {
    await progress(extra, 1);
    const name = (await ask(extra)).content?.name;
    return `${name}; ${await think(extra, `hello ${name}`)}; ${await look(extra)}`;
  },
  async work(extra) {
    for (let step = 1; step <= 3; step++) await progress(extra, step);
    await extra.sendNotification({ method: "notifications/message", params: { level: "info", data: "working" } });
    await pause(100);
    return "done";
  },
  async wait(extra, token) {
    await progress(extra, 1);
    await pause(20_000, extra.signal);
    if (extra.signal.aborted) ended.add(token);
    return "waited";
  },
  async ended(_, token) {
    for (let tries = 0; tries < 100 && !ended.has(token); tries++) await pause(100);
    return ended.has(token) ? "cancelled" : "not cancelled";
  },
};

function serverOf(): Server {
  const server = new Server({ name: "typescript1", version: "1.0.0" }, { capabilities: { tools: {}, logging: {} } });
  server.setRequestHandler(ListToolsRequestSchema, async () => ({
    tools: names.map((name) => ({ name, inputSchema: tokens })),
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => ({
    content: [{ type: "text", text: await tools[params.name](extra, String(params.arguments?.token)) }],
  }));
  return server;
}

const sessions = new Map<string, StreamableHTTPServerTransport>();
createServer(async (request, response) => {
  let transport = sessions.get(String(request.headers["mcp-session-id"]));
  if (!transport) {
    const opened = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, opened),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    await serverOf().connect(opened);
    transport = opened;
  }
  await transport.handleRequest(request, response);
}).listen(Number(process.env.PORT), "127.0.0.1");
