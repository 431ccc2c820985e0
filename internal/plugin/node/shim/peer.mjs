// JSON-RPC 2.0, one message a line, on two streams. A Peer knows ids, requests in both directions and their cancellation; it knows
// no method.

// Bounds and codes.
const mostBytes = 64 << 20; // of one message
const newline = 0x0a;

export const code = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  resourceNotFound: -32002,
};

// A Refusal is an error that crosses the wire as it is.
export class Refusal extends Error {
  constructor(errorCode, message, data) {
    super(message);
    this.code = errorCode;
    this.data = data;
  }
}

// A Cancelled is why the signal of a call is aborted, and why what it waits for fails.
export class Cancelled extends Error {
  constructor(why) {
    super(why ? `the call was cancelled: ${why}` : 'the call was cancelled');
    this.name = 'AbortError';
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

// isId: ids that JavaScript would round are none, since the answer would go to nobody.
const isId = (id) => typeof id === 'string' || Number.isSafeInteger(id);

export class Peer {
  #output;
  #handle;
  #parts = []; // of the line that has not ended yet
  #size = 0; // of these, in bytes
  #skipping = false; // until the end of a line that is too long
  #calls = new Map(); // id of the other side → AbortController
  #asked = new Map(); // our id → {resolve, reject}
  #lastId = 0;
  #ended = false;

  // handle has request(message, signal), which returns the result or throws; notification(message); batches(), whether an array of
  // messages is one; and ended(), called when the other side has closed its end and all its requests are answered.
  constructor(input, output, handle) {
    this.#output = output;
    this.#handle = handle;
    input.on('data', (chunk) => this.#take(chunk));
    input.on('end', () => this.#end());
    input.on('error', () => this.#end());
    output.on('error', () => process.exit(0)); // nobody listens any more
  }

  // notify sends a notification.
  notify(method, params) {
    this.#send({ jsonrpc: '2.0', method, params });
  }

  // ready reports whether the other side keeps up with what is sent.
  get ready() {
    return !this.#output.writableNeedDrain;
  }

  // ask sends a request and returns the answer's result. When signal is aborted the other side is told so.
  ask(method, params, signal) {
    if (this.#ended) return Promise.reject(new Error('nobody is there to be asked any more'));
    if (signal.aborted) return Promise.reject(signal.reason);
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve, reject) => {
      const stop = () => {
        this.#asked.delete(id);
        this.notify('notifications/cancelled', { requestId: id, reason: signal.reason?.message });
        reject(signal.reason);
      };
      const done = (settle) => (value) => {
        signal.removeEventListener('abort', stop);
        this.#asked.delete(id);
        settle(value);
      };
      signal.addEventListener('abort', stop, { once: true });
      this.#asked.set(id, { resolve: done(resolve), reject: done(reject) });
      this.#send({ jsonrpc: '2.0', id, method, params });
    });
  }

  // cancel ends a request of the other side. It gets no answer.
  cancel(id, why) {
    this.#calls.get(id)?.abort(new Cancelled(why));
  }

  #take(chunk) {
    let rest = chunk;
    for (let at = rest.indexOf(newline); at >= 0; at = rest.indexOf(newline)) {
      this.#keep(rest.subarray(0, at));
      this.#line();
      rest = rest.subarray(at + 1);
    }
    this.#keep(rest);
  }

  #keep(part) {
    this.#size += part.length;
    if (this.#size > mostBytes) {
      this.#skipping = true;
      this.#parts = [];
    } else if (part.length > 0) {
      this.#parts.push(part);
    }
  }

  #line() {
    const [bytes, tooLong] = [Buffer.concat(this.#parts), this.#skipping];
    this.#parts = [];
    this.#size = 0;
    this.#skipping = false;
    if (tooLong) {
      this.#fail(null, new Refusal(code.invalidRequest, `the message is longer than ${mostBytes} bytes`));
      return;
    }
    let text;
    let message;
    try {
      text = decoder.decode(bytes);
      if (text.trim() === '') return;
      message = JSON.parse(text);
    } catch (error) {
      this.#fail(null, new Refusal(code.parse, `the message is no JSON: ${error.message}`));
      return;
    }
    if (Array.isArray(message)) {
      this.#batch(message);
      return;
    }
    this.#receive(message).then((answer) => answer && this.#send(answer));
  }

  // batch answers the requests among the messages in one array, when all are done.
  #batch(messages) {
    if (!this.#handle.batches() || messages.length === 0) {
      this.#fail(null, new Refusal(code.invalidRequest, 'an array is no message in this revision of the protocol'));
      return;
    }
    Promise.all(messages.map((message) => this.#receive(message))).then((all) => {
      const answers = all.filter(Boolean);
      if (answers.length > 0) this.#send(answers);
    });
  }

  // receive takes one message and returns a promise of the answer to it, undefined if it gets none.
  async #receive(message) {
    if (!isObject(message) || message.jsonrpc !== '2.0') {
      return failure(idOf(message), new Refusal(code.invalidRequest, 'a message is an object with jsonrpc: "2.0"'));
    }
    const named = Object.hasOwn(message, 'id');
    if (typeof message.method !== 'string') return this.#answered(message, named);
    if (named && !isId(message.id)) {
      return failure(null, new Refusal(code.invalidRequest, 'id must be a string, or an integer of at most 53 bits'));
    }
    if (message.params !== undefined && !isObject(message.params)) {
      return named ? failure(message.id, new Refusal(code.invalidParams, 'params must be an object')) : undefined;
    }
    if (named) return this.#serve(message);
    this.#handle.notification(message);
    return undefined;
  }

  // answered hands an answer of the other side to who waits for it.
  #answered(message, named) {
    const isAnswer = named && (Object.hasOwn(message, 'result') || Object.hasOwn(message, 'error'));
    if (!isAnswer) {
      return failure(idOf(message), new Refusal(code.invalidRequest, 'a message has a method, or an id and a result or an error'));
    }
    const waiting = this.#asked.get(message.id); // there is none for what was cancelled, or never asked
    if (isObject(message.error)) {
      waiting?.reject(new Refusal(message.error.code, String(message.error.message), message.error.data));
    } else if (isObject(message.result)) {
      waiting?.resolve(message.result);
    } else {
      waiting?.reject(new Refusal(code.internal, 'the answer has neither a result nor an error that is an object'));
    }
    return undefined;
  }

  async #serve(message) {
    const { id } = message;
    if (this.#calls.has(id)) {
      return failure(id, new Refusal(code.invalidRequest, `a request with the id ${JSON.stringify(id)} is still being answered`));
    }
    const call = new AbortController();
    this.#calls.set(id, call);
    try {
      const result = await this.#handle.request(message, call.signal);
      return call.signal.aborted ? undefined : success(id, result);
    } catch (error) {
      return call.signal.aborted ? undefined : failure(id, error);
    } finally {
      this.#calls.delete(id);
      if (this.#ended && this.#calls.size === 0) queueMicrotask(() => this.#over());
    }
  }

  #fail(id, error) {
    this.#send(failure(id, error));
  }

  #send(message) {
    let line;
    try {
      line = encode(message);
    } catch (error) { // nested too deeply
      line = encode(failure(message.id ?? null, new Refusal(code.internal, `the answer cannot be told as JSON: ${error.message}`)));
    }
    this.#output.write(`${line}\n`);
  }

  #end() {
    if (this.#ended) return;
    this.#ended = true;
    for (const { reject } of this.#asked.values()) reject(new Error('nobody is there to be asked any more'));
    if (this.#calls.size === 0) this.#over();
  }

  // over lets what is still to be written be written first.
  #over() {
    setImmediate(() => this.#output.write('', () => this.#handle.ended()));
  }
}

const idOf = (message) => (isObject(message) && isId(message.id) ? message.id : null);

const success = (id, result) => ({ jsonrpc: '2.0', id, result });

// failure makes an answer of an error. What is no Refusal is a fault of ours, or of the plugin's outside of its handlers.
function failure(id, error) {
  if (error instanceof Refusal) {
    return { jsonrpc: '2.0', id, error: { code: error.code, message: error.message, data: error.data } };
  }
  console.error(error);
  return { jsonrpc: '2.0', id, error: { code: code.internal, message: String(error?.message ?? error) } };
}

const loneSurrogate = /\\ud[89a-f][0-9a-f]{2}/; // JSON.stringify escapes halves of characters, and nothing else so

// encode makes JSON of a message. Halves of characters, which no UTF-8 has, become U+FFFD.
function encode(message) {
  const text = JSON.stringify(message);
  return loneSurrogate.test(text) ? JSON.stringify(wellFormed(message)) : text;
}

function wellFormed(value) {
  if (typeof value === 'string') return Buffer.from(value, 'utf8').toString('utf8');
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value?.toJSON === 'function') return wellFormed(value.toJSON());
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [wellFormed(key), wellFormed(member)]));
}
