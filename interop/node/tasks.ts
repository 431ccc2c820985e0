// Version 1 of the official TypeScript SDK as a client that runs tools as tasks (its experimental API), through the
// gateway where the plan names one, else directly. Prints PASS or FAIL for each check; the exit code is 1 if any failed.
//
//	node tasks.ts plan.json
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CallToolResultSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import type { Endpoint } from "./connection.ts";

type Plan = { gateway?: Endpoint; servers: Record<string, Endpoint> };

const plan: Plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const tool = "simulate-research-query"; // of the reference server: it runs as a task only, for about four seconds
let failures = 0;

async function check(name: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
    console.log(`PASS  ${name}`);
  } catch (error) {
    failures++;
    console.log(`FAIL  ${name}: ${error instanceof Error ? error.message : error}`);
  }
}

// open connects a client. What it was asked is kept in asked.
async function open(to: Endpoint, asked: string[]): Promise<Client> {
  const client = new Client(
    { name: "sumun-interop-tasks", version: "1.0.0" },
    { capabilities: { elicitation: {}, tasks: { requests: { elicitation: { create: {} } } } } },
  );
  client.setRequestHandler(ElicitRequestSchema, async ({ params }) => {
    asked.push(params.message);
    return { action: "accept", content: { interpretation: "technical" } };
  });
  const headers: Record<string, string> = to.key ? { Authorization: `Bearer ${to.key}` } : {};
  await client.connect(
    to.url
      ? new StreamableHTTPClientTransport(new URL(to.url), { requestInit: { headers } })
      : new StdioClientTransport({ command: to.command!, args: to.args, stderr: "ignore" }),
  );
  return client;
}

// research runs the tool as a task and returns the states it went through, its ids, and the text of its result.
async function research(client: Client, name: string, ambiguous: boolean) {
  const states: string[] = [];
  const ids = new Set<string>();
  let text = "";
  const stream = client.experimental.tasks.callToolStream(
    { name, arguments: { topic: "gates", ambiguous } },
    CallToolResultSchema,
    { task: { ttl: 60_000 } },
  );
  for await (const message of stream) {
    switch (message.type) {
      case "taskCreated":
      case "taskStatus":
        ids.add(message.task.taskId);
        states.push(message.task.status);
        break;
      case "result":
        text = message.result.content.map((c) => (c.type === "text" ? c.text : "")).join("\n");
        break;
      case "error":
        throw message.error;
    }
  }
  return { states, ids: [...ids], text };
}

for (const server of ["everything", "remote"]) {
  const name = plan.gateway ? `${server}.${tool}` : tool;
  const asked: string[] = [];
  const client = await open(plan.gateway ?? plan.servers[server], asked);
  await check(`${server}: tasks are declared`, async () => {
    assert.ok(client.getServerCapabilities()?.tasks?.requests?.tools?.call, "no tasks.requests.tools.call");
    const listed = (await client.listTools()).tools.find((t) => t.name === name);
    assert.equal(listed?.execution?.taskSupport, "required");
  });
  let id = "";
  await check(`${server}: a task from its beginning to its result`, async () => {
    const run = await research(client, name, false);
    assert.equal(run.ids.length, 1, `ids: ${run.ids}`);
    id = run.ids[0];
    assert.equal(run.states[0], "working");
    assert.match(run.text, /Research Report: gates/);
  });
  await check(`${server}: a task that asks the client`, async () => {
    const run = await research(client, name, true);
    assert.equal(asked.length, 1, `asked: ${asked}`);
    assert.match(run.text, /gates \(technical\)/);
  });
  await check(`${server}: the list, and its state afterwards`, async () => {
    const { tasks } = await client.experimental.tasks.listTasks();
    assert.ok(tasks.some((t) => t.taskId === id), `not listed: ${id}`);
    assert.equal((await client.experimental.tasks.getTask(id)).status, "completed");
  });
  await check(`${server}: a task that is cancelled`, async () => {
    const begun = client.experimental.tasks.callToolStream(
      { name, arguments: { topic: "gates" } },
      CallToolResultSchema,
      { task: { ttl: 60_000 } },
    );
    const first = await begun.next();
    assert.equal(first.value?.type, "taskCreated");
    const task = first.value.type === "taskCreated" ? first.value.task.taskId : "";
    assert.equal((await client.experimental.tasks.cancelTask(task)).status, "cancelled");
    await begun.return();
  });
  if (plan.gateway) {
    await check(`${server}: another client has none of them`, async () => {
      const other = await open(plan.gateway!, []);
      assert.deepEqual((await other.experimental.tasks.listTasks()).tasks, []);
      await other.close();
    });
  }
  await client.close();
}
process.exit(failures ? 1 : 0);
