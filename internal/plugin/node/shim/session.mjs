// The Model Context Protocol, as a server speaks it to one client over standard input and output.

import { AsyncLocalStorage } from 'node:async_hooks';

import { failed, gathered, metaPrefix, resourceResult, States, toolResult, wordsOf } from './answer.mjs';
import { Context, levels } from './context.mjs';
import { code, Peer, Refusal } from './peer.mjs';
import { misfit } from './schema.mjs';

// revisions by what differs between them, the newest first.
const revisions = [
  { name: '2025-11-25', structured: true },
  { name: '2025-06-18', structured: true },
  { name: '2025-03-26', batch: true },
  { name: '2024-11-05' },
];

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

const invalid = (message, data) => new Refusal(code.invalidParams, message, data);

export class Session {
  client = {};
  capabilities = {};
  logLevel = 'info';
  #revision;
  #offer;
  #info;
  #report;
  #peer;
  #states = new States();
  #current = new AsyncLocalStorage(); // which call the code runs for
  #told = new Set(); // kinds of changes that are to be told

  // report tells of an error that a handler has thrown.
  constructor({ input, output, offer, info, report, ended }) {
    this.#offer = offer;
    this.#info = info;
    this.#report = report;
    this.#peer = new Peer(input, output, {
      request: (message, signal) => this.#request(message, signal),
      notification: (message) => this.#notification(message),
      batches: () => this.#revision?.batch === true,
      ended,
    });
    offer.watch((kind) => this.#changed(kind));
  }

  // lost ends the call that an error belongs to which nobody has caught, as far as that is known.
  lost(error) {
    this.#current.getStore()?.fail(error);
  }

  async #request(message, signal) {
    const method = methods[message.method];
    if (!method) throw new Refusal(code.methodNotFound, `the method ${message.method} is not known`);
    if (!this.#revision && message.method !== 'initialize' && message.method !== 'ping') {
      throw new Refusal(code.invalidRequest, 'initialize comes first');
    }
    return method.call(this, message.params ?? {}, { id: message.id, signal });
  }

  #notification({ method, params }) {
    if (method === 'notifications/cancelled') this.#peer.cancel(params?.requestId, params?.reason);
  }

  // changed tells the client that a list is another, once for all changes of one turn.
  #changed(kind) {
    if (!this.#revision || this.#told.has(kind)) return;
    this.#told.add(kind);
    setImmediate(() => {
      this.#told.delete(kind);
      this.#peer.notify(`notifications/${kind}/list_changed`);
    });
  }

  initialize({ protocolVersion, capabilities, clientInfo }) {
    if (this.#revision) throw new Refusal(code.invalidRequest, 'the session is initialized already');
    if (typeof protocolVersion !== 'string') throw invalid('params.protocolVersion must be a string');
    if (!isObject(capabilities)) throw invalid('params.capabilities must be an object');
    if (!isObject(clientInfo)) throw invalid('params.clientInfo must be an object');
    this.#revision = revisions.find(({ name }) => name === protocolVersion) ?? revisions[0];
    this.capabilities = capabilities;
    this.client = clientInfo;
    const { instructions, ...serverInfo } = this.#info;
    return {
      protocolVersion: this.#revision.name,
      capabilities: { tools: { listChanged: true }, resources: { listChanged: true }, logging: {} },
      serverInfo,
      instructions,
    };
  }

  setLevel({ level }) {
    if (!levels.includes(level)) throw invalid(`params.level must be one of ${levels.join(', ')}`);
    this.logLevel = level;
    return {};
  }

  listTools(params) {
    return { tools: onePage(params, this.#offer.tools.values()).map((tool) => this.#listed(tool.listed)) };
  }

  // listed leaves out what the revision does not have.
  #listed(tool) {
    if (this.#revision.structured) return tool;
    const { title, outputSchema, icons, _meta, ...rest } = tool;
    return rest;
  }

  listResources(params) {
    const fixed = [...this.#offer.resources.values()].filter((resource) => resource.fixed);
    return { resources: onePage(params, fixed).map(({ listed }) => listed) };
  }

  listTemplates(params) {
    const templates = [...this.#offer.resources.values()].filter((resource) => !resource.fixed);
    return { resourceTemplates: onePage(params, templates).map(({ listed }) => listed) };
  }

  async callTool(params, { id, signal }) {
    const { name, arguments: args = {} } = params;
    if (typeof name !== 'string') throw invalid('params.name must be a string');
    if (!isObject(args)) throw invalid('params.arguments must be an object');
    const tool = this.#offer.tools.get(name);
    if (!tool) throw invalid(`unknown tool: ${name}`);
    const wrong = misfit(tool.listed.inputSchema, args);
    if (wrong) return failed(new Error(`the arguments do not fit: ${wrong}`));
    const context = this.#context({ id, params, signal });
    try {
      const value = await this.#run(() => invoke(tool, args, context), signal);
      const { structured } = this.#revision;
      const result = toolResult(value, { structured, wrap: tool.wrap });
      this.#checkAnswer(tool, result);
      context.flush();
      return context.result(result);
    } catch (error) {
      if (signal.aborted) throw error;
      this.#report(error, `the tool ${name}`);
      context.flush();
      return failed(error);
    }
  }

  #checkAnswer({ listed: { outputSchema } }, result) {
    if (!outputSchema || result.isError || !this.#revision.structured) return;
    const wrong = result.structuredContent === undefined
      ? 'it is no object'
      : misfit(outputSchema, result.structuredContent);
    if (wrong) throw new TypeError(`the tool's answer does not fit its output schema: ${wrong}`);
  }

  async readResource(params, { id, signal }) {
    const { uri } = params;
    if (typeof uri !== 'string') throw invalid('params.uri must be a string');
    for (const [name, resource] of this.#offer.resources) {
      const texts = resource.template.match(uri);
      if (texts) return this.#readOne({ name, resource, texts, uri }, { id, params, signal });
    }
    throw new Refusal(code.resourceNotFound, `resource not found: ${uri}`, { uri });
  }

  async #readOne({ name, resource, texts, uri }, call) {
    const values = typed(resource, texts);
    const wrong = misfit(resource.params, values);
    if (wrong) throw invalid(`the parameters do not fit: ${wrong}`);
    const context = this.#context(call);
    try {
      const value = await this.#run(() => resource.handler(values, context), call.signal);
      const ifNoneMatch = call.params._meta?.[`${metaPrefix}ifNoneMatch`];
      return resourceResult(value, { uri, mimeType: resource.mimeType, states: this.#states, ifNoneMatch });
    } catch (error) {
      if (call.signal.aborted) throw error;
      if (error?.code === 'ENOENT') throw new Refusal(code.resourceNotFound, `resource not found: ${uri}`, { uri });
      this.#report(error, `the resource ${name}`);
      throw new Refusal(code.internal, wordsOf(error));
    } finally {
      context.flush();
    }
  }

  #context({ id, params, signal }) {
    return new Context({ session: this, peer: this.#peer, id, params, signal });
  }

  // run returns what a handler returns. It fails as soon as the call is cancelled, although the handler may go on.
  #run(handler, signal) {
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#current.run({ fail: reject }, async () => gathered(await handler())).then(resolve, reject);
    });
  }
}

const methods = {
  __proto__: null,
  initialize: Session.prototype.initialize,
  ping: () => ({}),
  'logging/setLevel': Session.prototype.setLevel,
  'tools/list': Session.prototype.listTools,
  'tools/call': Session.prototype.callTool,
  'resources/list': Session.prototype.listResources,
  'resources/templates/list': Session.prototype.listTemplates,
  'resources/read': Session.prototype.readResource,
};

// onePage returns all: a plugin has too few things for pages, so no cursor is one of ours.
function onePage({ cursor }, all) {
  if (cursor !== undefined) throw invalid('params.cursor is not one that this server has given');
  return [...all];
}

// invoke calls the handler of a tool in the way in which it is declared.
async function invoke(tool, args, context) {
  let given = args;
  if (tool.check) {
    const checked = await tool.check(args);
    if (checked.issues) throw new Error(`the arguments do not fit: ${checked.issues.map(issueText).join('; ')}`);
    given = checked.value;
  }
  const list = tool.call.flatMap((name) => {
    if (name === '@args') return [given];
    if (name === '@context') return [context];
    if (name.startsWith('...')) return member(given, name.slice(3)) ?? [];
    return [member(given, name)];
  });
  return tool.handler(...list);
}

const member = (args, name) => (Object.hasOwn(args, name) ? args[name] : undefined);

const issueText = ({ path = [], message }) =>
  `${path.map((key) => `/${String(key?.key ?? key)}`).join('')} ${message}`.trim();

// typed returns the parameters of a resource, of which a URI has only texts, as their schema wants them.
function typed({ params, whole }, texts) {
  if (whole && Object.keys(texts).join() === 'params') {
    const all = parsed(texts.params);
    if (isObject(all)) return all;
  }
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, valueOf(params.properties?.[name], text)]));
}

function valueOf(schema, text) {
  const types = [].concat(schema?.type ?? []);
  if (types.length === 0 || types.includes('string')) return text;
  const value = parsed(text);
  if (value === undefined && types.includes('array')) return text.split(',');
  return value ?? text;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
