// Standard output belongs to the protocol. What a plugin, or a package of its, prints goes to standard error, however it prints;
// what a plugin reads from standard input is empty.

import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import process from 'node:process';
import { Readable } from 'node:stream';

// takeStreams returns the streams of the protocol and leaves harmless ones in their place.
export function takeStreams() {
  const streams = { input: process.stdin, output: process.stdout };
  const { stderr } = process;
  const nothing = Readable.from([]);
  Object.defineProperty(process, 'stdout', { configurable: true, enumerable: true, get: () => stderr });
  Object.defineProperty(process, 'stdin', { configurable: true, enumerable: true, get: () => nothing });
  Object.defineProperty(console, '_stdout', { configurable: true, writable: true, value: stderr });
  turnWrites();
  turnChildren();
  syncBuiltinESMExports(); // so that import { writeSync } from 'node:fs' is turned too
  return streams;
}

// turnWrites has writes to descriptor 1 go to 2, for loggers that know the number.
function turnWrites() {
  for (const name of ['write', 'writeSync', 'writev', 'writevSync', 'writeFile', 'writeFileSync', 'appendFile', 'appendFileSync']) {
    const plain = fs[name];
    fs[name] = Object.assign((fd, ...rest) => plain(turned(fd), ...rest), plain);
  }
  const { createWriteStream } = fs;
  fs.createWriteStream = (path, options) =>
    createWriteStream(turned(path), options?.fd === 1 ? { ...options, fd: 2 } : options);
}

const turned = (target) => (target === 1 || target === '/dev/stdout' ? 2 : target);

// turnChildren has programs that would inherit our streams write to standard error and read nothing.
function turnChildren() {
  const { prototype } = childProcess.ChildProcess;
  const { spawn } = prototype;
  prototype.spawn = function (options) {
    return spawn.call(this, { ...options, stdio: inherited(options.stdio) });
  };
  for (const name of ['spawnSync', 'execSync', 'execFileSync']) {
    const plain = childProcess[name];
    childProcess[name] = (...args) => plain(...args.map(quietOptions));
  }
}

function quietOptions(arg) {
  return arg?.stdio && !Array.isArray(arg) ? { ...arg, stdio: inherited(arg.stdio) } : arg;
}

function inherited(stdio) {
  if (stdio === 'inherit') return ['ignore', 2, 2];
  if (!Array.isArray(stdio)) return stdio;
  return stdio.map((target, fd) => {
    if (target !== 'inherit' && target !== 0 && target !== 1) return target;
    if (target === 0 || (target === 'inherit' && fd === 0)) return 'ignore';
    return target === 'inherit' && fd > 1 ? target : 2;
  });
}
