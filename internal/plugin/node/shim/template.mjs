// URI templates (RFC 6570), read backwards: which values of the variables give this URI?

const operators = {
  '': { first: '', between: ',', pattern: '[^/?#,]*' },
  '+': { first: '', between: ',', pattern: '.*?' },
  '#': { first: '#', between: ',', pattern: '.*?' },
  '.': { first: '.', between: '.', pattern: '[^/?#.]*' },
  '/': { first: '/', between: '/', pattern: '[^/?#]*' },
};
const pairs = { ';': ';', '?': '&', '&': '&' };

const quoted = (text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');

export class Template {
  #pattern;
  #variables = []; // one for each group: {name} or {names, exploded, between}

  constructor(text) {
    this.names = [];
    let pattern = '';
    let end = 0;
    for (const found of text.matchAll(/\{([+#./;?&]?)([^{}]*)\}/g)) {
      pattern += quoted(text.slice(end, found.index)) + this.#expression(text, found[1], found[2]);
      end = found.index + found[0].length;
    }
    const rest = text.slice(end);
    if (/[{}]/.test(text.replace(/\{[^{}]*\}/g, ''))) throw new TypeError(`${text} is no URI template (RFC 6570)`);
    this.#pattern = new RegExp(`^${pattern}${quoted(rest)}$`, 's');
  }

  // match returns the values of the variables as texts, null if the URI is none of this template. Of an exploded variable all pairs
  // are values under names of their own.
  match(uri) {
    const found = this.#pattern.exec(uri);
    if (!found) return null;
    const values = {};
    try {
      this.#variables.forEach((variable, i) => read(values, variable, found[i + 1]));
    } catch {
      return null; // it is not percent-encoded as URIs are, or names what the template does not have
    }
    return values;
  }

  #expression(text, operator, list) {
    const specs = list.split(',').map((spec) => /^([A-Za-z0-9_.%]+)(\*|:[0-9]+)?$/.exec(spec));
    if (specs.includes(null)) throw new TypeError(`${text} is no URI template (RFC 6570)`);
    const names = specs.map((spec) => spec[1]);
    this.names.push(...names);
    const between = pairs[operator];
    if (between) {
      this.#variables.push({ names, between, exploded: specs.some((spec) => spec[2] === '*') });
      return `(?:${quoted(operator)}([^#]*))?`;
    }
    const { first, between: comma, pattern } = operators[operator];
    this.#variables.push(...names.map((name) => ({ name })));
    const [head, ...others] = names.map(() => `(${pattern})`);
    const value = head + others.map((one) => `(?:${quoted(comma)}${one})?`).join('');
    return first ? `(?:${quoted(first)}${value})?` : value;
  }
}

function read(values, variable, text) {
  if (text === undefined) return;
  if (variable.name) {
    values[variable.name] = decodeURIComponent(text);
    return;
  }
  for (const pair of text.split(variable.between).filter(Boolean)) {
    const [, key, value] = /^([^=]*)=?(.*)$/s.exec(pair);
    const name = decodeURIComponent(key);
    if (!variable.exploded && !variable.names.includes(name)) throw new TypeError(`${name} is not a variable`);
    Object.defineProperty(values, name, { value: decodeURIComponent(value), enumerable: true, configurable: true, writable: true });
  }
}
