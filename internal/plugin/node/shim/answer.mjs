// What handlers return becomes what the protocol knows: results of tools, contents of resources.

import { createHash } from 'node:crypto';

export const metaPrefix = 'io.github.sumun-mcp/'; // of what the gateway and its plugins tell each other in _meta

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

const isBytes = (value) => value instanceof Uint8Array || value instanceof ArrayBuffer;

const isText = (value) => typeof value === 'string';

// blocks of content, by their type: what else must be in them.
const blocks = {
  text: (b) => isText(b.text),
  image: (b) => isText(b.data) && isText(b.mimeType),
  audio: (b) => isText(b.data) && isText(b.mimeType),
  resource: (b) => isObject(b.resource) && isText(b.resource.uri),
  resource_link: (b) => isText(b.uri) && isText(b.name),
};

const isContent = (value) =>
  Array.isArray(value) && value.length > 0 && value.every((b) => isObject(b) && Object.hasOwn(blocks, b.type) && blocks[b.type](b));

// isResult: what a handler returns that is the protocol's own form already.
const isResult = (value) =>
  isObject(value) && (isContent(value.content) || (Array.isArray(value.content) && value.content.length === 0));

const text = (value) => ({ type: 'text', text: value });

// plain returns the value as JSON has it: the members of maps, the elements of sets, whole numbers of any size as texts.
export function plain(value) {
  const json = JSON.stringify(value, (_, member) => {
    if (typeof member === 'bigint') return String(member);
    if (member instanceof Map) return Object.fromEntries(member);
    return member instanceof Set ? [...member] : member;
  });
  return json === undefined ? undefined : JSON.parse(json);
}

// gathered returns what a handler returns, and of a generator all that it yields.
export async function gathered(value) {
  if (!isObject(value)) return value;
  const isGenerator = typeof value.next === 'function' && (value[Symbol.asyncIterator] || value[Symbol.iterator]);
  if (!isGenerator) return value;
  const all = [];
  for await (const one of value) all.push(one);
  return all;
}

// toolResult makes the result of a call of what its handler has returned. structured tells whether the revision has structured
// content; wrap, that the tool's output schema is an object with the value as its member result.
export function toolResult(value, { structured, wrap }) {
  if (isResult(value)) return value;
  if (isContent(value)) return { content: value };
  if (isBytes(value)) throw new TypeError('bytes are no answer; return them as an image, audio or resource block');
  const out = plain(value);
  const content = out === undefined ? [] : [text(isText(out) ? out : JSON.stringify(out))];
  if (!structured) return { content };
  if (wrap) return { content, structuredContent: { result: out ?? null } };
  return isObject(out) ? { content, structuredContent: out } : { content };
}

// failed is the result of a tool that did not do what it should: the model reads why.
export const failed = (error) => ({ content: [text(wordsOf(error))], isError: true });

// wordsOf tells what an error says, and what it says came before it.
export function wordsOf(error) {
  if (!(error instanceof Error)) return isText(error) ? error : JSON.stringify(plain(error)) ?? String(error);
  const words = error.message || error.name;
  return error.cause instanceof Error ? `${words}: ${wordsOf(error.cause)}` : words;
}

// States number the states of resources: the time in milliseconds when a state was first seen, or one more than the last.
export class States {
  #known = new Map();
  #last = 0;

  see(uri, etag) {
    const known = this.#known.get(uri);
    if (known?.etag === etag) return known.revision;
    if (this.#known.size >= 10_000) this.#known.clear();
    this.#last = Math.max(this.#last + 1, Date.now());
    this.#known.set(uri, { etag, revision: this.#last });
    return this.#last;
  }
}

// resourceResult makes the result of a reading of what the handler has returned, or says that the client has that already.
export function resourceResult(value, { uri, mimeType, states, ifNoneMatch }) {
  if (isObject(value) && Array.isArray(value.contents)) return value;
  const content = contentOf(value, uri, mimeType);
  const etag = createHash('sha256').update(content.text ?? content.blob).digest('hex').slice(0, 32);
  const state = { [`${metaPrefix}etag`]: etag, [`${metaPrefix}revision`]: states.see(uri, etag) };
  if (isText(ifNoneMatch) && ifNoneMatch.replace(/^W\//, '').replaceAll('"', '') === etag) {
    return { contents: [], _meta: { ...state, [`${metaPrefix}notModified`]: true } };
  }
  return { contents: [{ ...content, _meta: { ...content._meta, ...state } }] };
}

function contentOf(value, uri, mimeType) {
  if (isText(value)) return { uri, mimeType: mimeType ?? 'text/plain', text: value };
  if (isBytes(value)) return { uri, mimeType: mimeType ?? 'application/octet-stream', blob: Buffer.from(value).toString('base64') };
  const out = plain(value);
  if (out === undefined) throw new TypeError('the resource has returned nothing');
  const meta = isObject(out) ? { [`${metaPrefix}object`]: true } : undefined;
  return { uri, mimeType: mimeType ?? 'application/json', text: JSON.stringify(out), _meta: meta };
}
