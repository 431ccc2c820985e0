// A server on version 2 of the official SDK. Its tools ask by the end of an answer, as the modern era does: the state that comes
// back with the answers is all that it knows of the rounds before. Where the environment says ERA=legacy it is served with
// sessions of the legacy era, in which the SDK asks by requests instead; else to the modern era only.
//
//     PORT=4000 ERA=modern node bridge_server_modern.ts
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { NodeStreamableHTTPServerTransport, toNodeHandler } from "@modelcontextprotocol/node";
import {
  createMcpHandler,
  fromJsonSchema,
  type InputRequest,
  type InputRequiredSpec,
  inputRequired,
  inputResponse,
  McpServer,
  type ServerContext,
} from "@modelcontextprotocol/server";
import { ended, form, names, pause, tokens } from "./bridge_tools.ts";

// A Question is not an error: it ends this round of a call.
class Question {
  readonly spec: InputRequiredSpec;

  constructor(spec: InputRequiredSpec) {
    this.spec = spec;
  }
}

// A Round is one request of a call that may ask.
class Round {
  private readonly known: Record<string, string>;
  private readonly ctx: ServerContext;

  constructor(ctx: ServerContext) {
    this.ctx = ctx;
    this.known = JSON.parse(ctx.mcpReq.requestState<string>() ?? "{}");
  }

  ask(): string {
    return this.answer("name", inputRequired.elicit(form));
  }

  think(text: string): string {
    const messages = [{ role: "user" as const, content: { type: "text" as const, text } }];
    return this.answer("thought", inputRequired.createMessage({ messages, maxTokens: 10 }));
  }

  look(): string {
    return this.answer("roots", inputRequired.listRoots());
  }

  // answer returns what the client said, now or in a round before, or asks it.
  private answer(key: string, request: InputRequest): string {
    const view = inputResponse(this.ctx.mcpReq.inputResponses, key);
    if (view.kind === "elicit") {
      this.known[key] = view.action === "accept" ? `accept ${view.content?.name}` : view.action;
    } else if (view.kind === "sampling") {
      const { content } = view.result;
      this.known[key] = !Array.isArray(content) && content.type === "text" ? content.text : "?";
    } else if (view.kind === "roots") {
      this.known[key] = view.roots.map((root) => root.uri).join(" ");
    }
    if (!(key in this.known)) {
      throw new Question({ inputRequests: { [key]: request }, requestState: JSON.stringify(this.known) });
    }
    return this.known[key];
  }
}

async function progress(ctx: ServerContext, step: number): Promise<void> {
  const progressToken = ctx.mcpReq._meta?.progressToken;
  if (progressToken === undefined) return;
  await ctx.mcpReq.notify({ method: "notifications/progress", params: { progressToken, progress: step, total: 3 } });
}

const tools: Record<string, (ctx: ServerContext, token: string) => Promise<string> | string> = {
  ask: (ctx) => new Round(ctx).ask(),
  think: (ctx) => new Round(ctx).think("knock"),
  look: (ctx) => new Round(ctx).look(),
  async talk(ctx) {
    if (ctx.mcpReq.requestState() === undefined) await progress(ctx, 1);
    const round = new Round(ctx);
    const name = round.ask().replace("accept ", "");
    return `${name}; ${round.think(`hello ${name}`)}; ${round.look()}`;
  },
  async work(ctx) {
    for (let step = 1; step <= 3; step++) await progress(ctx, step);
    await ctx.mcpReq.log("info", "working");
    await pause(100);
    return "done";
  },
  async wait(ctx, token) {
    await progress(ctx, 1);
    await pause(20_000, ctx.mcpReq.signal);
    if (ctx.mcpReq.signal.aborted) ended.add(token);
    return "waited";
  },
  async ended(_, token) {
    for (let tries = 0; tries < 100 && !ended.has(token); tries++) await pause(100);
    return ended.has(token) ? "cancelled" : "not cancelled";
  },
};

function serverOf(): McpServer {
  const server = new McpServer({ name: "typescript2", version: "1.0.0" }, { capabilities: { logging: {} } });
  for (const name of names) {
    server.registerTool(name, { inputSchema: fromJsonSchema<{ token?: string }>(tokens) }, async ({ token }, ctx) => {
      try {
        return { content: [{ type: "text", text: await tools[name](ctx, String(token)) }] };
      } catch (thrown) {
        if (thrown instanceof Question) return inputRequired(thrown.spec);
        throw thrown;
      }
    });
  }
  return server;
}

const sessions = new Map<string, NodeStreamableHTTPServerTransport>();
const legacy = createServer(async (request, response) => {
  let transport = sessions.get(String(request.headers["mcp-session-id"]));
  if (!transport) {
    const opened = new NodeStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, opened),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    await serverOf().connect(opened);
    transport = opened;
  }
  await transport.handleRequest(request, response);
});
const modern = createServer(toNodeHandler(createMcpHandler(serverOf, { legacy: "reject" })));
(process.env.ERA === "legacy" ? legacy : modern).listen(Number(process.env.PORT), "127.0.0.1");
