// The second argument of handlers: in which circumstances they are called, and how they speak to who has called them.

import { metaPrefix } from './answer.mjs';

// levels of log messages (RFC 5424), from the least to the most severe.
export const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];

// A Context is one call's own.
export class Context {
  #call;
  #done = -Infinity;
  #waiting; // progress that was not sent because the other side does not keep up
  #next;

  // call has session, peer, signal, id and params.
  constructor(call) {
    this.#call = call;
    const meta = call.params._meta ?? {};
    const told = meta[`${metaPrefix}context`] ?? {};
    this.signal = call.signal;
    this.requestId = call.id;
    this.meta = meta;
    this.client = call.session.client;
    this.rootId = told.rootId;
    this.path = told.path;
    this.uri = told.uri;
    this.sampling = told.sampling ?? {};
    this.variables = told.variables ?? {};
    this.memory = told.memory ?? [];
    // Bound, so that a handler may take them out: ({ text }, { progress, log }) => …
    for (const name of ['progress', 'log', 'sample', 'elicit', 'roots', 'setSampling']) this[name] = this[name].bind(this);
  }

  // progress tells how far the call has come. It does nothing when nobody has asked for that; who falls behind hears the latest.
  progress(done, total, message) {
    if (!Number.isFinite(done)) throw new TypeError('progress(done, total, message): done must be a number');
    const { params, signal, peer } = this.#call;
    const token = params._meta?.progressToken;
    if (signal.aborted || (typeof token !== 'string' && !Number.isSafeInteger(token)) || done <= this.#done) return;
    this.#done = done;
    this.#waiting = { progressToken: token, progress: done, total: total ?? undefined, message };
    if (peer.ready) this.flush();
  }

  // flush sends the progress that waits.
  flush() {
    if (this.#waiting && !this.#call.signal.aborted) this.#call.peer.notify('notifications/progress', this.#waiting);
    this.#waiting = undefined;
  }

  // log sends a log message to the client, if it wants messages of that level.
  log(level, data, logger) {
    if (!levels.includes(level)) throw new TypeError(`log(level, data): the level is one of ${levels.join(', ')}`);
    const { session, peer } = this.#call;
    if (levels.indexOf(level) < levels.indexOf(session.logLevel)) return;
    peer.notify('notifications/message', { level, logger, data: data ?? null });
  }

  // sample asks the client's model. The request is that of sampling/createMessage, or a text and options. The answer is the
  // protocol's, and has its text as text.
  async sample(request, options) {
    const params = typeof request === 'string'
      ? { maxTokens: 1024, ...options, messages: [{ role: 'user', content: { type: 'text', text: request } }] }
      : { maxTokens: 1024, ...request };
    const answer = await this.#ask('sampling', 'sampling/createMessage', params);
    const first = [].concat(answer.content).find((block) => block?.type === 'text');
    return Object.defineProperty(answer, 'text', { value: first?.text ?? '' });
  }

  // elicit asks the user. The request is that of elicitation/create, or a question and the schema of its answer.
  elicit(request, requestedSchema) {
    const params = typeof request === 'string'
      ? { message: request, requestedSchema: requestedSchema ?? { type: 'object', properties: {} } }
      : request;
    return this.#ask('elicitation', 'elicitation/create', params);
  }

  // roots returns the folders in which the user works, as far as the client tells them.
  async roots() {
    return (await this.#ask('roots', 'roots/list', {})).roots;
  }

  // setSampling changes the sampling parameters for what follows this call in its root.
  setSampling(next) {
    this.#next = next;
  }

  // result adds to the result what the handler has said beside it.
  result(result) {
    if (!this.#next) return result;
    return { ...result, _meta: { ...result._meta, [`${metaPrefix}sampling`]: this.#next } };
  }

  async #ask(capability, method, params) {
    const { session, peer, signal } = this.#call;
    if (!session.capabilities[capability]) {
      throw Object.assign(new Error(`the client cannot be asked this (it has not declared ${capability})`), { code: 'CANNOT_ASK' });
    }
    return peer.ask(method, params, signal);
  }
}
