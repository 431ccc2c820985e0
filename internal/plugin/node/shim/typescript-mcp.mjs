// What a plugin gets when it imports typescript-mcp.

import { notice, offer, read } from './offer.mjs';

const known = ['name', 'version', 'title', 'instructions'];

// info is what the plugin says of itself in its McpServer.
export const info = {};

// McpServer is the server of the guide's samples. Several in one plugin are one.
export class McpServer {
  constructor(options = {}) {
    for (const [key, value] of Object.entries(options)) {
      if (known.includes(key)) info[key] = value;
      else notice(`McpServer: ${key} is ignored; clients come in through the gateway, by its keys`);
    }
    offer.expect(this);
  }

  registerTool(name, ...rest) {
    const { options, handler } = read('tool', [name, ...rest]);
    offer.tool(name, options, handler);
    return this;
  }

  registerResource(name, ...rest) {
    const { options, handler } = read('resource', [name, ...rest]);
    offer.resource(name, options, handler);
    return this;
  }

  defineScope(scope, names) {
    if (typeof scope !== 'string' || !Array.isArray(names)) throw new TypeError('defineScope(scope, names) takes a text and a list');
    notice(`defineScope: who may use what is for the gateway to say; in mcp.yaml: scopes: {"${scope}": [${names.join(', ')}]}`);
    return this;
  }

  // start may be awaited where it stands: the gateway is served as soon as the file has run to its end.
  start() {
    offer.start(this);
    return Promise.resolve(this);
  }
}

// tool and resource make what may be exported, or register it at once if it has a name.
export const tool = (...args) => offer.define('tool', args);

export const resource = (...args) => offer.define('resource', args);

export default { McpServer, tool, resource };
