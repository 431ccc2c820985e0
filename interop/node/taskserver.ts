// A server of the modern era whose tools run as tasks (extension io.modelcontextprotocol/tasks), for the scenarios of the
// official conformance suite about them: no SDK that can be had here serves that extension. Its address is its argument.
//
//	node taskserver.ts 127.0.0.1:8080
import { randomUUID } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";

type Item = Record<string, any>;

const extension = "io.modelcontextprotocol/tasks";
const capabilitiesKey = "io.modelcontextprotocol/clientCapabilities";

class RPCError extends Error {
  readonly code: number;
  readonly data?: Item;

  constructor(code: number, message: string, data?: Item) {
    super(message);
    this.code = code;
    this.data = data;
  }
}

// A Task is one run of a tool.
class Task {
  readonly id = randomUUID();
  status = "working";
  readonly createdAt = new Date().toISOString();
  lastUpdatedAt = this.createdAt;
  more: Item = {};
  readonly asked = new Map<string, (answer: Item) => void>();
  readonly requests: Item = {};
  readonly listeners = new Set<(task: Item) => void>();

  set(status: string, more: Item = {}): void {
    if (["completed", "failed", "cancelled"].includes(this.status)) return;
    this.status = status;
    this.more = more;
    this.lastUpdatedAt = new Date().toISOString();
    for (const tell of this.listeners) tell(this.show());
  }

  show(): Item {
    const { id: taskId, status, createdAt, lastUpdatedAt } = this;
    return { taskId, status, createdAt, lastUpdatedAt, ttlMs: 300_000, pollIntervalMs: 100, ...this.more };
  }

  // ask asks the client, and returns the answer.
  ask(key: string, message: string): Promise<Item> {
    const requestedSchema = { type: "object", properties: { confirm: { type: "boolean" } } };
    this.requests[key] = { method: "elicitation/create", params: { mode: "form", message, requestedSchema } };
    this.set("input_required", { inputRequests: { ...this.requests } });
    return new Promise((resolve) => this.asked.set(key, resolve));
  }

  // answer takes answers to questions; those to others are ignored.
  answer(responses: Item): void {
    for (const [key, answer] of Object.entries(responses ?? {})) {
      const resolve = this.asked.get(key);
      if (!resolve) continue;
      this.asked.delete(key);
      delete this.requests[key];
      if (Object.keys(this.requests).length > 0) this.set("input_required", { inputRequests: { ...this.requests } });
      else this.set("working");
      resolve(answer);
    }
  }
}

const tasks = new Map<string, Task>();
const pause = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const text = (said: string, isError = false): Item => ({ content: [{ type: "text", text: said }], isError });

// tools are what each tool does; those without a run are not run as tasks.
const tools: Record<string, { required?: boolean; once?: (args: Item) => Item | undefined; run?: (task: Task, args: Item) => Promise<Item> }> = {
  greet: { once: ({ name }) => text(`Hello, ${name}!`) },
  slow_compute: {
    once: ({ seconds }) => (seconds > 0 ? undefined : text("computed at once")),
    run: async (_, { seconds }) => (await pause(seconds), text(`computed for ${seconds} s`)),
  },
  failing_job: { required: true, run: async () => (await pause(1), text("the job has failed", true)) },
  protocol_error_job: {
    run: async () => {
      await pause(0.2);
      throw new RPCError(-32603, "the job is broken");
    },
  },
  confirm_delete: {
    run: async (task, { filename }) => {
      const answer = await task.ask("confirm", `Delete ${filename}?`);
      return text(`${filename}: ${answer.action}`);
    },
  },
  multi_input: {
    run: async (task) => {
      const answers = await Promise.all([task.ask("first", "First?"), task.ask("second", "Second?")]);
      return text(JSON.stringify(answers));
    },
  },
  test_tool_with_task: { required: true, run: async (_, { user }) => text(`Hello, ${user}!`) },
};

function begin(run: (task: Task, args: Item) => Promise<Item>, args: Item): Item {
  const task = new Task();
  tasks.set(task.id, task);
  run(task, args).then(
    (result) => task.set("completed", { result: { resultType: "complete", ...result } }),
    (error) => task.set("failed", { statusMessage: String(error.message), error: { code: error.code ?? -32603, message: error.message } }),
  );
  const { inputRequests: _, ...seed } = task.show();
  return { resultType: "task", ...seed, status: "working" };
}

function mustDeclare(params: Item): void {
  if (params._meta?.[capabilitiesKey]?.extensions?.[extension] === undefined)
    throw new RPCError(-32021, "missing required client capability", { requiredCapabilities: { extensions: { [extension]: {} } } });
}

function call(params: Item): Item {
  const tool = tools[params.name];
  const args = { ...params.arguments };
  if (!tool) throw new RPCError(-32602, `unknown tool: ${params.name}`);
  if (tool.required) mustDeclare(params);
  if (params.name === "test_tool_with_task") {
    const answer = params.inputResponses?.user_name;
    if (!answer) {
      const requestedSchema = { type: "object", properties: { name: { type: "string" } } };
      const question = { method: "elicitation/create", params: { mode: "form", message: "Your name?", requestedSchema } };
      return { resultType: "input_required", inputRequests: { user_name: question }, requestState: "asked" };
    }
    args.user = answer.content?.name;
  }
  const now = tool.once?.(args);
  if (now) return now;
  const declares = params._meta?.[capabilitiesKey]?.extensions?.[extension] !== undefined;
  return declares && tool.run ? begin(tool.run, args) : text("run at once, as the client takes no tasks");
}

function find(params: Item): Task {
  mustDeclare(params);
  const task = tasks.get(params.taskId);
  if (!task) throw new RPCError(-32602, "Failed to retrieve task: Task not found");
  return task;
}

const methods: Record<string, (params: Item) => Item> = {
  "server/discover": () => ({
    supportedVersions: ["2026-07-28"],
    capabilities: { tools: {}, extensions: { [extension]: {} } },
    ttlMs: 0,
    cacheScope: "public",
    _meta: { "io.modelcontextprotocol/serverInfo": { name: "tasks", version: "1.0.0" } },
  }),
  "tools/list": () => ({
    tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: "object" } })),
    ttlMs: 0,
    cacheScope: "public",
  }),
  "tools/call": call,
  "tasks/get": (params) => find(params).show(),
  "tasks/update": (params) => (find(params).answer(params.inputResponses), {}),
  "tasks/cancel": (params) => (find(params).set("cancelled"), {}),
};

// listen tells of tasks until the client leaves.
function listen(response: ServerResponse, id: unknown, params: Item): void {
  const taskIds: string[] = (params.notifications?.taskIds ?? []).filter((one: string) => tasks.has(one));
  if (params.notifications?.taskIds) mustDeclare(params);
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  const tell = (method: string, said: Item) => {
    const _meta = { "io.modelcontextprotocol/subscriptionId": id };
    response.write(`data: ${JSON.stringify({ jsonrpc: "2.0", method, params: { ...said, _meta } })}\n\n`);
  };
  tell("notifications/subscriptions/acknowledged", { notifications: { taskIds } });
  for (const one of taskIds) {
    const task = tasks.get(one)!;
    const listener = (shown: Item) => tell("notifications/tasks", shown);
    task.listeners.add(listener);
    response.on("close", () => task.listeners.delete(listener));
  }
}

const server = createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  if (request.method !== "POST") return void response.writeHead(405).end();
  const { id, method, params = {} } = JSON.parse(body);
  let status = 200;
  let answer: Item;
  try {
    if (method === "subscriptions/listen") return listen(response, id, params);
    if (id === undefined) return void response.writeHead(202).end();
    if (!methods[method]) throw new RPCError(-32601, `method not found: ${method}`);
    answer = { result: { resultType: "complete", ...methods[method](params) } };
  } catch (error) {
    if (!(error instanceof RPCError)) throw error;
    status = error.code === -32601 ? 404 : 400;
    answer = { error: { code: error.code, message: error.message, data: error.data } };
  }
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ jsonrpc: "2.0", id, ...answer }));
});

const [host, port] = process.argv[2].split(":");
server.listen(Number(port), host);
