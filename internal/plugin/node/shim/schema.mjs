// Values are held against JSON Schemas, as far as the keywords go that types become, and those that authors write most. What is not
// known here says nothing; the gateway holds the same values against the whole schema.

// misfit returns what of the value does not fit the schema, as a sentence that begins with its place, or undefined.
export function misfit(schema, value, place = '', root = schema) {
  if (schema === false) return `${at(place)} is not wanted`;
  if (typeof schema !== 'object' || schema === null) return undefined;
  for (const keyword of Object.keys(schema)) {
    const rule = rules[keyword];
    const found = rule?.({ schema, wanted: schema[keyword], value, place, root });
    if (found) return found;
  }
  return undefined;
}

const at = (place) => (place === '' ? 'the value' : place);

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

const types = {
  string: (v) => typeof v === 'string',
  number: (v) => typeof v === 'number',
  integer: (v) => Number.isInteger(v),
  boolean: (v) => typeof v === 'boolean',
  null: (v) => v === null,
  array: Array.isArray,
  object: isObject,
};

const nameOf = (value) => {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : `a value of type ${typeof value}`;
};

const below = (place, key) => `${place}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;

const brief = (value) => {
  const text = JSON.stringify(value);
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
};

// same compares JSON values.
function same(a, b) {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((v, i) => same(v, b[i]));
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]));
}

const characters = (text) => [...text].length;

// bound makes the rule of a keyword that holds for one kind of values.
const bound = (applies, holds, words) => ({ wanted, value, place }) =>
  applies(value) && !holds(value, wanted) ? `${at(place)} must be ${words} ${wanted}` : undefined;

const rules = {
  type({ wanted, value, place }) {
    const all = [].concat(wanted);
    if (all.some((name) => !types[name] || types[name](value))) return undefined;
    return `${at(place)} must be of type ${all.join(' or ')}, and is ${nameOf(value)}`;
  },
  enum: ({ wanted, value, place }) =>
    wanted.some((v) => same(v, value)) ? undefined : `${at(place)} must be one of ${brief(wanted)}`,
  const: ({ wanted, value, place }) => (same(wanted, value) ? undefined : `${at(place)} must be ${brief(wanted)}`),
  minimum: bound(types.number, (v, n) => v >= n, 'at least'),
  maximum: bound(types.number, (v, n) => v <= n, 'at most'),
  exclusiveMinimum: bound(types.number, (v, n) => v > n, 'more than'),
  exclusiveMaximum: bound(types.number, (v, n) => v < n, 'less than'),
  minLength: bound(types.string, (v, n) => characters(v) >= n, 'a text with a length of at least'),
  maxLength: bound(types.string, (v, n) => characters(v) <= n, 'a text with a length of at most'),
  minItems: bound(types.array, (v, n) => v.length >= n, 'an array with a length of at least'),
  maxItems: bound(types.array, (v, n) => v.length <= n, 'an array with a length of at most'),
  pattern: bound(types.string, (v, p) => new RegExp(p, 'u').test(v), 'a text that matches'),
  required({ wanted, value, place }) {
    const missing = isObject(value) && wanted.find((key) => !Object.hasOwn(value, key));
    return missing === false || missing === undefined ? undefined : `${below(place, missing)} is missing`;
  },
  properties({ wanted, value, place, root }) {
    if (!isObject(value)) return undefined;
    return first(Object.keys(wanted), (key) =>
      Object.hasOwn(value, key) ? misfit(wanted[key], value[key], below(place, key), root) : undefined);
  },
  additionalProperties({ schema, wanted, value, place, root }) {
    if (!isObject(value)) return undefined;
    const patterns = Object.keys(schema.patternProperties ?? {}).map((p) => new RegExp(p, 'u'));
    const others = Object.keys(value).filter((key) =>
      !Object.hasOwn(schema.properties ?? {}, key) && !patterns.some((p) => p.test(key)));
    return first(others, (key) => misfit(wanted, value[key], below(place, key), root));
  },
  prefixItems: ({ wanted, value, place, root }) =>
    Array.isArray(value)
      ? first(wanted.slice(0, value.length).keys(), (i) => misfit(wanted[i], value[i], below(place, i), root))
      : undefined,
  items({ schema, wanted, value, place, root }) {
    if (!Array.isArray(value)) return undefined;
    const begin = schema.prefixItems?.length ?? 0;
    return first(value.slice(begin).keys(), (i) => misfit(wanted, value[begin + i], below(place, begin + i), root));
  },
  allOf: ({ wanted, value, place, root }) => first(wanted, (one) => misfit(one, value, place, root)),
  anyOf({ wanted, value, place, root }) {
    const found = wanted.map((one) => misfit(one, value, place, root));
    return found.includes(undefined) ? undefined : `${at(place)} fits none of what it may be: ${found.join('; ')}`;
  },
  $ref({ wanted, value, place, root }) {
    const name = /^#\/\$defs\/([^/]+)$/.exec(wanted)?.[1];
    return name === undefined ? undefined : misfit(root.$defs?.[name], value, place, root);
  },
};

// first returns the first thing that is found, undefined if nothing is.
function first(all, find) {
  for (const one of all) {
    const found = find(one);
    if (found) return found;
  }
  return undefined;
}
