// The official SDK as a client that answers what servers ask: makes the calls of a plan and prints what came of each, as one line
// of JSON. In the legacy era it is version 1 of the SDK, in the modern era version 2.
//
//     node bridge_client.ts plan.json
import { readFileSync } from "node:fs";
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from "@modelcontextprotocol/client";
import { Client as LegacyClient } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as LegacyTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";

type Call = { tool: string; arguments: Record<string, unknown>; action: "accept" | "decline" | "cancel"; stop: boolean };
type Plan = { url: string; key?: string; era: "legacy" | "modern"; calls: Call[] };
type Outcome = { text?: string; failed?: boolean; asked: string[]; progress: number[]; logs: unknown[]; error?: string };
type Progress = { progress: number; message?: string };
type Options = { signal: AbortSignal; onprogress: (told: Progress) => void };
type Result = { content: { type: string; text?: string }[]; isError?: boolean };

const plan: Plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const requestInit = { headers: { Authorization: `Bearer ${plan.key}` } };
let call: Call;
let outcome: Outcome;

function elicited(message: string) {
  outcome.asked.push(message);
  return call.action === "accept" ? { action: call.action, content: { name: "Ada" } } : { action: call.action };
}

function sampled(content: unknown) {
  const { text } = [content].flat()[0] as { text: string };
  outcome.asked.push(text);
  return { role: "assistant" as const, model: "parrot", content: { type: "text" as const, text: `I heard: ${text}` } };
}

function listed() {
  return { roots: [{ uri: "file:///door", name: "door" }] };
}

async function legacy() {
  const client = new LegacyClient(
    { name: "sumun-interop-typescript", version: "1.0.0" },
    { capabilities: { elicitation: {}, sampling: {}, roots: {} } },
  );
  client.setRequestHandler(ElicitRequestSchema, async ({ params }) => elicited(params.message));
  client.setRequestHandler(CreateMessageRequestSchema, async ({ params }) => sampled(params.messages[0].content));
  client.setRequestHandler(ListRootsRequestSchema, async () => listed());
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void outcome.logs.push(params.data));
  await client.connect(new LegacyTransport(new URL(plan.url), { requestInit }) as Transport);
  if (client.getServerCapabilities()?.logging) await client.setLoggingLevel("debug");
  return {
    close: () => client.close(),
    make: (options: Options) =>
      client.callTool({ name: call.tool, arguments: call.arguments }, undefined, options) as Promise<Result>,
  };
}

async function modern() {
  const client = new ModernClient(
    { name: "sumun-interop-typescript", version: "2.0.0" },
    {
      capabilities: { elicitation: {}, sampling: {}, roots: {} },
      versionNegotiation: { mode: { pin: "2026-07-28" } },
    },
  );
  client.setRequestHandler("elicitation/create", async ({ params }) => elicited(params.message));
  client.setRequestHandler("sampling/createMessage", async ({ params }) => sampled(params.messages[0].content));
  client.setRequestHandler("roots/list", async () => listed());
  client.setNotificationHandler("notifications/message", ({ params }) => void outcome.logs.push(params.data));
  await client.connect(new ModernTransport(new URL(plan.url), { requestInit }));
  const _meta = { "io.modelcontextprotocol/logLevel": "debug" }; // each request says what it wants to be told
  return {
    close: () => client.close(),
    make: (options: Options) =>
      client.callTool({ name: call.tool, arguments: call.arguments, _meta }, options) as Promise<Result>,
  };
}

const client = await (plan.era === "legacy" ? legacy() : modern());
for (call of plan.calls) {
  outcome = { asked: [], progress: [], logs: [] };
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(30_000)]);
  const onprogress = ({ progress, message }: Progress) => {
    if (message?.startsWith("Fulfilling input required")) return; // version 2 counts the rounds itself
    outcome.progress.push(progress);
    if (call.stop) stop.abort("enough");
  };
  try {
    const result = await client.make({ signal, onprogress });
    outcome.text = result.content.map((c) => c.text ?? c.type).join("\n");
    outcome.failed = result.isError;
  } catch (error) {
    outcome.error = String(error);
  }
  console.log(JSON.stringify(outcome));
}
await client.close();
process.exit(0);
