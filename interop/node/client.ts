// The official TypeScript SDK as a client: lists all that the servers of a plan have and uses it, through the gateway
// where the plan names one, else directly. Prints PASS or FAIL for each check; the exit code is 1 if any failed.
//
//	node client.ts plan.json
//
// In the legacy era it is version 1 of the SDK, in the modern era version 2. What servers say outside of calls, log messages and
// that a resource changed, is left to the legacy run: they log and watch by session.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Connection, Endpoint, Handlers, Item } from "./connection.ts";
import { connect as connectLegacy } from "./legacy.ts";
import { connect as connectModern } from "./modern.ts";

type Plan = { gateway?: Endpoint; servers: Record<string, Endpoint>; folder: string; era: "legacy" | "modern" };

const plan: Plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const legacy = plan.era === "legacy";
const folder = pathToFileURL(plan.folder).href;
let failures = 0;

// check runs one check, at most for half a minute, and prints how it went.
async function check(name: string, run: () => Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no end after 30 s")), 30_000);
  });
  try {
    await Promise.race([run(), late]);
    console.log(`PASS  ${name}`);
  } catch (error) {
    failures++;
    console.log(`FAIL  ${name}: ${error instanceof Error ? error.message : error}`);
  } finally {
    clearTimeout(timer);
  }
}

// A Peer is a connected client, with the notifications that came to it.
class Peer implements Handlers {
  client!: Connection;
  readonly logs: unknown[] = [];
  readonly updated: string[] = [];
  // prefix stands before the names of a server's tools and prompts.
  readonly prefix: (server: string) => string;

  constructor(prefix: (server: string) => string) {
    this.prefix = prefix;
  }

  async connect(to: Endpoint, connector: typeof connectLegacy): Promise<this> {
    this.client = await connector(to, this);
    return this;
  }

  elicited(): Item {
    return { name: "Ada Lovelace", check: true, integer: 7 };
  }

  sampled(text: string): string {
    return `I heard: ${text}`;
  }

  roots() {
    return [{ uri: folder, name: "work" }];
  }

  logged(data: unknown): void {
    this.logs.push(data);
  }

  changed(uri: string): void {
    this.updated.push(uri);
  }

  // call calls a tool and returns the text of its answer.
  async call(server: string, tool: string, args: Item, options = {}): Promise<string> {
    const result = await this.client.callTool({ name: this.prefix(server) + tool, arguments: args }, options);
    const text = result.content.map((c) => c.text ?? `[${c.type}]`).join("\n");
    assert.ok(!result.isError, `${tool} failed: ${text}`);
    return text;
  }
}

// all follows the pages of a list.
async function all(page: (cursor?: string) => Promise<object>, field: string): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | undefined;
  do {
    const result = (await page(cursor)) as Item;
    items.push(...(result[field] as Item[]));
    cursor = result.nextCursor as string | undefined;
  } while (cursor);
  return items;
}

// A list of each kind; tools and prompts go by name, resources and templates by URI.
const kinds: Record<string, { id: string; list: (p: Peer) => Promise<Item[]> }> = {
  tools: { id: "name", list: (p) => all((cursor) => p.client.listTools({ cursor }), "tools") },
  prompts: { id: "name", list: (p) => all((cursor) => p.client.listPrompts({ cursor }), "prompts") },
  resources: { id: "uri", list: (p) => all((cursor) => p.client.listResources({ cursor }), "resources") },
  templates: {
    id: "uriTemplate",
    list: (p) => all((cursor) => p.client.listResourceTemplates({ cursor }), "resourceTemplates"),
  },
};

// listed returns the items of one kind by name or URI. What stands first keeps a URI that several servers have.
async function listed(kind: string, peer: Peer, server?: string): Promise<Map<string, Item>> {
  const capability = kind === "templates" ? "resources" : kind;
  const items = new Map<string, Item>();
  if (!(capability in (peer.client.getServerCapabilities() ?? {}))) return items;
  for (const { _meta, ...item } of await kinds[kind].list(peer)) {
    const id = kinds[kind].id;
    if (!legacy) delete item.execution; // the modern era does not have it
    if (server && id === "name") item.name = `${server}.${item.name}`;
    assert.ok(!items.has(item[id] as string), `${item[id]} is listed twice`);
    items.set(item[id] as string, item);
  }
  return items;
}

// compareLists wants every item of every server on the gateway's lists, unchanged but for its name. The gateway may
// list more tools: a server shows some only to clients that can do more than this one.
async function compareLists(gateway: Peer, servers: Map<string, Peer>): Promise<void> {
  for (const kind of Object.keys(kinds)) {
    await check(`gateway: lists all ${kind} of all servers unchanged`, async () => {
      const want = new Map<string, Item>();
      for (const [server, peer] of servers) {
        for (const [id, item] of await listed(kind, peer, server)) if (!want.has(id)) want.set(id, item);
      }
      const got = await listed(kind, gateway);
      assert.deepEqual([...want.keys()].filter((id) => !got.has(id)), [], "missing");
      for (const [id, item] of want) assert.deepEqual(got.get(id), item);
      console.log(`      ${got.size} ${kind}`);
    });
  }
}

// until waits until there is something.
async function until(what: string, there: () => boolean): Promise<void> {
  for (const end = Date.now() + 15_000; !there(); ) {
    assert.ok(Date.now() < end, `no ${what} came`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

// everything uses the reference server that has one of everything.
async function everything(server: string, peer: Peer): Promise<void> {
  const { client } = peer;
  const name = peer.prefix(server);
  const test = (what: string, run: () => Promise<void>) => check(`${server}: ${what}`, run);

  await test("calls echo", async () => {
    assert.equal(await peer.call(server, "echo", { message: "안녕 <&> 🚪" }), "Echo: 안녕 <&> 🚪");
  });
  await test("calls get-sum", async () => assert.match(await peer.call(server, "get-sum", { a: 19, b: 23 }), /\b42\b/));
  await test("calls get-structured-content", async () => {
    const result = await client.callTool({ name: `${name}get-structured-content`, arguments: { location: "Chicago" } });
    assert.equal(typeof result.structuredContent?.temperature, "number");
  });
  await test("calls get-tiny-image", async () => {
    assert.match(await peer.call(server, "get-tiny-image", {}), /\[image\]/);
  });
  await test("refuses a tool that is not there", async () => {
    await assert.rejects(peer.call(server, "no-such-tool", {}));
  });
  await test("is told of the progress of a long operation", async () => {
    const seen: number[] = [];
    const onprogress = (p: { progress: number; message?: string }) => {
      // Version 2 also counts how often it was asked something in the call: the server may want to know the roots.
      if (!p.message?.startsWith("Fulfilling input required")) seen.push(p.progress);
    };
    await peer.call(server, "trigger-long-running-operation", { duration: 1, steps: 5 }, { onprogress });
    // The SDK forgets who asked as soon as the answer is there: the last one may come too late for it.
    assert.deepEqual(seen.slice(0, 4), [1, 2, 3, 4]);
  });
  await test("cancels a long operation", async () => {
    const stop = new AbortController();
    const options = { signal: stop.signal, onprogress: () => stop.abort("enough") };
    await assert.rejects(peer.call(server, "trigger-long-running-operation", { duration: 60, steps: 200 }, options));
    assert.equal(await peer.call(server, "echo", { message: "still here" }), "Echo: still here");
  });
  await test("reads a resource of a template", async () => {
    const { contents } = await client.readResource({ uri: "demo://resource/dynamic/text/7" });
    assert.match(String(contents[0].text), /^Resource 7: /);
  });
  await test("gets a prompt", async () => {
    const { messages } = await client.getPrompt({ name: `${name}args-prompt`, arguments: { city: "Suwon" } });
    assert.deepEqual(messages[0].content, { type: "text", text: "What's weather in Suwon?" });
  });
  await test("completes an argument of a prompt", async () => {
    const { completion } = await client.complete({
      ref: { type: "ref/prompt", name: `${name}completable-prompt` },
      argument: { name: "name", value: "A" },
      context: { arguments: { department: "Engineering" } },
    });
    assert.deepEqual(completion.values, ["Alice"]);
  });
  await test("completes an argument of a resource template", async () => {
    const ref = { type: "ref/resource" as const, uri: "demo://resource/dynamic/text/{resourceId}" };
    const { completion } = await client.complete({ ref, argument: { name: "resourceId", value: "12" } });
    assert.deepEqual(completion.values, ["12"]);
  });
  await test("answers an elicitation", async () => {
    assert.match(await peer.call(server, "trigger-elicitation-request", {}), /Ada Lovelace/);
  });
  await test("answers a sampling request", async () => {
    const answer = await peer.call(server, "trigger-sampling-request", { prompt: "knock", maxTokens: 10 });
    assert.match(answer, /I heard: .*knock/);
  });
  await test("tells its roots", async () => assert.ok((await peer.call(server, "get-roots-list", {})).includes(folder)));
  if (!legacy) return;
  await test("receives log messages", async () => {
    await client.setLoggingLevel("debug");
    peer.logs.length = 0;
    await peer.call(server, "toggle-simulated-logging", {});
    await until("log message", () => peer.logs.some((data) => /level[- ]message/.test(String(data))));
    await peer.call(server, "toggle-simulated-logging", {});
  });
}

// subscription follows a resource. Where two servers have the same URI, it belongs to the first.
async function subscription(server: string, peer: Peer): Promise<void> {
  await check(`${server}: is told that a resource changed`, async () => {
    const uri = "demo://resource/dynamic/text/3";
    await peer.client.subscribeResource({ uri });
    await peer.call(server, "toggle-subscriber-updates", {});
    await until("update", () => peer.updated.includes(uri));
    await peer.call(server, "toggle-subscriber-updates", {});
    await peer.client.unsubscribeResource({ uri });
  });
}

// files uses the reference server for files.
async function files(server: string, peer: Peer): Promise<void> {
  const test = (what: string, run: () => Promise<void>) => check(`${server}: ${what}`, run);
  await test("lists a folder", async () => {
    assert.match(await peer.call(server, "list_directory", { path: plan.folder }), /\[FILE\] hello\.txt/);
  });
  await test("reads a file", async () => {
    const path = join(plan.folder, "hello.txt");
    assert.equal(await peer.call(server, "read_text_file", { path }), readFileSync(path, "utf8"));
  });
  await test("writes a file", async () => {
    const path = join(plan.folder, "typescript.txt");
    await peer.call(server, "write_file", { path, content: "두 줄\nof text\n" });
    assert.equal(readFileSync(path, "utf8"), "두 줄\nof text\n");
  });
  await test("may not leave the folder", async () => {
    await assert.rejects(peer.call(server, "read_text_file", { path: "/etc/passwd" }), /denied/);
  });
}

const servers = new Map<string, Peer>();
for (const [name, endpoint] of Object.entries(plan.servers)) {
  servers.set(name, await new Peer(() => "").connect(endpoint, connectLegacy));
}
const connector = legacy ? connectLegacy : connectModern;
const gateway = plan.gateway && (await new Peer((server) => `${server}.`).connect(plan.gateway, connector));
if (gateway) {
  console.log(`      the gateway speaks ${gateway.client.revision()}`);
  await compareLists(gateway, servers);
}
let subscribed = false;
for (const [name, own] of servers) {
  const peer = gateway ?? own;
  if (name === "files") {
    await files(name, peer);
    continue;
  }
  await everything(name, peer);
  if (legacy && !(gateway && subscribed)) await subscription(name, peer);
  subscribed = true;
}
await Promise.all([...servers.values(), ...(gateway ? [gateway] : [])].map((p) => p.client.close()));
process.exit(failures > 0 ? 1 : 0);
