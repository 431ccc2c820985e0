// Where in the author's files an error comes from.

import fs from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath } from 'node:url';

export class Places {
  #knowledge;

  // knowledge tells where the plugin's files lie (root), where their author keeps them (origin), what runs (main), and in which lines
  // packages are imported (imports).
  constructor(knowledge) {
    this.#knowledge = knowledge;
  }

  // of returns FILE:LINE of an error, or the file alone where the line is not known.
  of(error) {
    const { entry, imports } = this.#knowledge;
    const missing = /^Cannot find (?:package|module) '([^']+)'/.exec(error?.message ?? '')?.[1];
    const specifier = missing && Object.keys(imports).find((name) => missing === name || missing.endsWith(`/node_modules/${name}`));
    if (specifier) return imports[specifier];
    for (const line of String(error?.stack ?? '').split('\n')) {
      const found = /((?:file:\/\/|[A-Za-z]:\\|\/)[^():]*):(\d+)(?::(\d+))?\)?$/.exec(line);
      const place = found && this.#named(found[1], Number(found[2]), Number(found[3] ?? 1));
      if (place) return place;
    }
    return entry;
  }

  // named returns the place under the name that the author knows, undefined if it is in no file of the plugin.
  #named(file, line, column) {
    const { root, origin, main } = this.#knowledge;
    const at = file.startsWith('file://') ? fileURLToPath(file) : file;
    if (at.startsWith(`${root}/`) || at.startsWith(`${root}\\`)) return `${origin}${at.slice(root.length)}:${line}`;
    if (at !== main) return undefined;
    const entry = new SourceMap(JSON.parse(fs.readFileSync(`${main}.map`, 'utf8'))).findEntry(line - 1, column - 1);
    if (!entry.originalSource) return undefined;
    const source = new URL(entry.originalSource, `file://${main}`);
    return this.#named(source.href, entry.originalLine + 1, 1);
  }
}
