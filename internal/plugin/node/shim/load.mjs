// Loads the plugin and serves it, or says in one line where it is at fault.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import process from 'node:process';
import { pathToFileURL } from 'node:url';

import { wordsOf } from './answer.mjs';
import { notice, offer } from './offer.mjs';
import { Places } from './place.mjs';
import { takeStreams } from './quiet.mjs';
import { Session } from './session.mjs';
import * as standIn from './typescript-mcp.mjs';

const faultCode = 3;
const patience = 10_000; // milliseconds for start() of an McpServer, after the file has run

const knowledge = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const places = new Places(knowledge);
const streams = knowledge.itself ? undefined : takeStreams();
let session; // as soon as the plugin is loaded
let failed = false;

const oneLine = (text) => text.replace(/\s+/g, ' ').trim();

function fault(error) {
  failed = true;
  process.stderr.write(`sumun: ${places.of(error)}: ${oneLine(wordsOf(error))}\n`);
  process.exit(faultCode);
}

function report(error, where) {
  process.stderr.write(`${places.of(error)}: ${where}: ${oneLine(wordsOf(error))}\n`);
}

// uncaught: an error that nobody has caught fails the call that it belongs to. The others go on.
function uncaught(error) {
  if (!session) return fault(error);
  report(error, 'nobody has caught');
  return session.lost(error);
}

// The plugin's require: its own files are found from where it lies, packages from where they are installed.
globalThis.require = (() => {
  const [own, packages] = [createRequire(knowledge.file), createRequire(knowledge.main)];
  const require = (id) => (id === 'typescript-mcp' ? standIn : (isOwn(id) ? own : packages)(id));
  return Object.assign(require, { resolve: (id, options) => (isOwn(id) ? own : packages).resolve(id, options), cache: own.cache });
})();

function isOwn(id) {
  return /^\.{0,2}[\\/]|^[A-Za-z]:\\/.test(id);
}

// left: a plugin that ends the process, or waits for what never comes, would be gone without a word.
function left(exitCode) {
  if (session || failed) return;
  const why = (process.exitCode ?? exitCode) === 13 ? 'the file waits for something that never comes' : `the file ends the process (exit code ${exitCode})`;
  process.stderr.write(`sumun: ${knowledge.entry}: ${why}\n`);
  process.exitCode = faultCode;
}

offer.know(knowledge);
process.argv.splice(1, 2, knowledge.file);
if (!knowledge.itself) {
  process.on('uncaughtException', uncaught);
  process.on('unhandledRejection', uncaught);
  process.on('exit', left);
}

try {
  const exports = await import(pathToFileURL(knowledge.main).href);
  if (!knowledge.itself) await serveWhenStarted(exports);
} catch (error) {
  fault(error);
}

async function serveWhenStarted(exports) {
  offer.exported(exports);
  const timer = setTimeout(() => {
    notice('start() of an McpServer was not called; what is registered so far is offered');
    serve();
  }, patience);
  await offer.settled();
  clearTimeout(timer);
  serve();
}

function serve() {
  if (session) return;
  if (offer.isEmpty) {
    fault(new Error('the plugin offers nothing: export a function, or register a tool or resource'));
  }
  session = new Session({
    ...streams, offer, report, ended: () => process.exit(0),
    info: { name: knowledge.name, version: knowledge.version, ...standIn.info },
  });
}
