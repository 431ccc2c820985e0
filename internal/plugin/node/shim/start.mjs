// node start.mjs KNOWLEDGE: loads the plugin that the file KNOWLEDGE tells of, and serves it.
//
// Only syntax that old versions of Node read may stand here, so that they can say that they are old.

import process from 'node:process';

if (Number.parseInt(process.versions.node, 10) < 18) {
  process.stderr.write(`sumun: Node ${process.versions.node} is too old for plugins; they need Node 18 or newer\n`);
  process.exit(3);
}
await import('./load.mjs');
