// What a plugin offers: the tools and resources that it registers, or exports.

import { Template } from './template.mjs';

const nameForm = /^[A-Za-z0-9_.-]{1,128}$/;

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

const isClass = (value) => /^class\b/.test(Function.prototype.toString.call(value));

// notice tells the author something although the plugin works.
export const notice = (text) => process.stderr.write(`sumun-notice: ${text.replaceAll('\n', ' ')}\n`);

const toolOptions = ['name', 'title', 'description', 'inputSchema', 'outputSchema', 'annotations', 'icons', '_meta'];
const resourceOptions = ['name', 'title', 'description', 'mimeType', 'uri', 'params', 'annotations', 'icons', 'size', '_meta'];

// A Definition is what tool() and resource() make: a tool or resource that has a name as soon as it is registered, or exported.
class Definition {
  constructor(kind, options, handler) {
    Object.assign(this, { kind, options, handler });
  }
}

class Offer {
  tools = new Map();
  resources = new Map();
  #knowledge = { exports: {}, tools: {}, resources: {} };
  #changed = () => {};
  #loose = new Set(); // definitions without a name
  #unstarted = new Set();
  #started = () => {};

  // know takes what was found out about the plugin before it ran: see facts.go.
  know(knowledge) {
    this.#knowledge = { name: knowledge.name };
    for (const kind of ['exports', 'tools', 'resources']) this.#knowledge[kind] = { __proto__: null, ...knowledge[kind] };
  }

  // watch has changed called with 'tools' or 'resources' after each change from now on.
  watch(changed) {
    this.#changed = changed;
  }

  get isEmpty() {
    return this.tools.size + this.resources.size === 0;
  }

  tool(name, options, handler, known = this.#knowledge.tools[name]) {
    checkName('tool', name, this.tools);
    checkOptions(`the tool ${name}`, options, toolOptions);
    const [input, check] = schemaOf(`${name}: inputSchema`, options.inputSchema, 'input');
    const [output] = schemaOf(`${name}: outputSchema`, options.outputSchema, 'output');
    const outputSchema = output ?? known?.outputSchema;
    if (!known && !input) notice(`${name}: what it takes could not be found out, so it gets all arguments as one object`);
    this.tools.set(name, {
      handler,
      check,
      call: known?.call ?? ['@args', '@context'],
      wrap: output === undefined && known?.wrap === true,
      listed: {
        name,
        title: options.title ?? known?.title,
        description: options.description ?? known?.description,
        inputSchema: input ?? known?.inputSchema ?? { type: 'object' },
        outputSchema,
        annotations: options.annotations ?? known?.annotations,
        icons: options.icons,
        _meta: options._meta,
      },
    });
    this.#changed('tools');
  }

  resource(name, options, handler, known = this.#knowledge.resources[name]) {
    checkName('resource', name, this.resources);
    checkOptions(`the resource ${name}`, options, resourceOptions);
    const params = paramsOf(name, options.params) ?? known?.inputSchema ?? { type: 'object' };
    const names = Object.keys(params.properties ?? {});
    const uri = options.uri ?? `sumun://${name}${queryOf(names, known, handler)}`;
    const template = new Template(uri);
    const described = {
      name,
      title: options.title ?? known?.title,
      description: options.description ?? known?.description,
      mimeType: options.mimeType,
      annotations: options.annotations,
      icons: options.icons,
      _meta: options._meta,
    };
    const fixed = template.names.length === 0;
    this.resources.set(name, {
      handler, template, params, fixed, mimeType: options.mimeType, whole: /\{[?&;]params\*\}/.test(uri),
      listed: fixed ? { uri, size: options.size, ...described } : { uriTemplate: uri, ...described },
    });
    this.#changed('resources');
  }

  // define makes a definition of what tool() and resource() are called with, and registers it if it has a name.
  define(kind, args) {
    const { name, options, handler } = read(kind, args);
    const definition = new Definition(kind, options, handler);
    if (name === undefined) this.#loose.add(definition);
    else this[kind](name, options, handler);
    return definition;
  }

  // exported takes the exports of the plugin's file.
  exported(exports) {
    for (const [name, value] of Object.entries(exports)) {
      if (name === 'default') this.#exportedDefault(value, exports);
      else if (!name.startsWith('_') && name !== 'module.exports') this.#exportedOne(name, value, this.#knowledge.exports[name]);
    }
    for (const { kind, handler } of this.#loose) {
      notice(`a ${kind}() ${handler.name ? `with the function ${handler.name} ` : ''}has no name and is not exported, so it is not offered`);
    }
  }

  // exportedDefault takes a default export: a function is a tool under its own name; what CommonJS exports is an object.
  #exportedDefault(value, exports) {
    if (typeof value === 'function') {
      const name = !value.name || value.name === 'default' ? this.#knowledge.name : value.name;
      this.#exportedOne(name, value, this.#knowledge.exports.default ?? this.#knowledge.exports[name]);
    } else if (value instanceof Definition || isDefinition(value)) {
      this.#exportedOne(this.#knowledge.name, value);
    } else if (isObject(value) || Array.isArray(value)) {
      const members = Object.entries(value).filter(([key]) => !key.startsWith('_') && exports[key] !== value[key]);
      for (const [key, member] of members) this.#exportedOne(key, member, this.#knowledge.exports[key]);
    }
  }

  #exportedOne(name, value, known) {
    if (value instanceof Definition) {
      if (this.#loose.delete(value)) this[value.kind](value.options.name ?? name, value.options, value.handler, known);
    } else if (typeof value === 'function') {
      if (!isClass(value)) this.tool(known?.name ?? name, {}, value, known);
    } else if (isDefinition(value)) {
      this.#literal(name, value, known);
    } else if (Array.isArray(value) && value.length > 0 && value.every(isDefinition)) {
      value.forEach((one, i) => this.#literal(one.name ?? `${name}.${i + 1}`, one));
    }
  }

  // literal takes an object with a handler, or for a resource with read, and options beside it.
  #literal(name, value, known) {
    const { handler, read: reader, ...options } = value;
    const kind = handler ? 'tool' : 'resource';
    this[kind](value.name ?? name, options, (handler ?? reader).bind(value), known);
  }

  // expect waits for start() of a server; start says that it was called.
  expect(server) {
    this.#unstarted.add(server);
  }

  start(server) {
    this.#unstarted.delete(server);
    if (this.#unstarted.size === 0) this.#started();
  }

  // settled returns a promise that is kept when every server was started.
  settled() {
    if (this.#unstarted.size === 0) return Promise.resolve();
    return new Promise((resolve) => { this.#started = resolve; });
  }
}

// offer is that of this process.
export const offer = new Offer();

const isDefinition = (value) => isObject(value) && (typeof value.handler === 'function' || typeof value.read === 'function');

// read tells name, options and handler of a registration apart, whatever their order after the name.
export function read(kind, args) {
  const rest = [...args];
  const name = typeof rest[0] === 'string' ? rest.shift() : undefined;
  const handler = rest.find((arg) => typeof arg === 'function');
  const options = rest.find(isObject) ?? {};
  if (!handler || rest.length > 2) throw new TypeError(`a ${kind} has a name, options if wanted, and a function`);
  return { name: name ?? options.name, options, handler };
}

function checkName(kind, name, taken) {
  if (typeof name !== 'string' || !nameForm.test(name)) {
    throw new TypeError(`${JSON.stringify(name) ?? String(name)} is no name of a ${kind}; use letters, digits, _ - and dots, at most 128`);
  }
  if (taken.has(name)) throw new TypeError(`there are two ${kind}s with the name ${name}`);
}

function checkOptions(what, options, known) {
  for (const key of Object.keys(options)) {
    if (!known.includes(key)) notice(`${what}: ${key} is not known; there are ${known.join(', ')}`);
  }
}

// schemaOf returns the JSON Schema that an author has given, and what checks values by it if it is a schema of a library (Standard
// Schema).
function schemaOf(what, given, side) {
  if (given === undefined) return [undefined, undefined];
  const standard = given?.['~standard'];
  if (standard) {
    if (!standard.jsonSchema) throw new TypeError(`${what} has no JSON Schema of its own; give one, for example z.toJSONSchema(schema)`);
    const { $schema, ...schema } = standard.jsonSchema[side]({ target: 'draft-2020-12' });
    return [schema, (value) => standard.validate(value)];
  }
  if (!isObject(given) || given.type !== 'object') throw new TypeError(`${what} must be a JSON Schema with type: "object"`);
  return [given, undefined];
}

// paramsOf returns the schema of a resource's parameters, which may be a list of names.
function paramsOf(name, given) {
  if (Array.isArray(given)) return { type: 'object', properties: Object.fromEntries(given.map((key) => [key, { type: 'string' }])) };
  return schemaOf(`${name}: params`, given, 'input')[0];
}

// queryOf returns the query of a resource's template. Of a handler that takes parameters of unknown names it takes any.
function queryOf(names, known, handler) {
  if (names.length > 0) return `{?${names.join(',')}}`;
  return known ? (known.open ? '{?params*}' : '') : (handler.length > 0 ? '{?params*}' : '');
}
