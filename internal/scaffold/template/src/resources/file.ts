// file.read: the text files of one directory, as resources docs:///PATH and as a tool for models that only call tools.
import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, relative, resolve, sep } from "node:path";

import { type McpServer, ResourceTemplate } from "@modelcontextprotocol/sdk/server/mcp.js";
import { z } from "zod";

const scheme = "docs:///";
const maxBytes = 1024 * 1024;

export function registerFiles(server: McpServer, root: string): void {
  server.registerResource(
    "file.read",
    new ResourceTemplate(`${scheme}{+path}`, { list: async () => ({ resources: await list(root) }) }),
    { title: "Documents", description: "The text files of this project's documents.", mimeType: "text/plain" },
    async (uri, { path }) => {
      const text = await read(root, decodeURIComponent(String(path)));
      return { contents: [{ uri: uri.href, mimeType: "text/plain", text }] };
    },
  );
  server.registerTool(
    "file.read",
    {
      title: "Read a document",
      description: "The content of one of this project's documents.",
      inputSchema: { path: z.string().min(1).max(1000).describe("Its path below the documents, such as welcome.md") },
      outputSchema: { content: z.string() },
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    async ({ path }) => {
      const content = await read(root, path);
      return { content: [{ type: "text", text: content }], structuredContent: { content } };
    },
  );
}

async function list(root: string): Promise<{ uri: string; name: string }[]> {
  const files: { uri: string; name: string }[] = [];
  const walk = async (below: string): Promise<void> => {
    for (const entry of await readdir(join(root, below), { withFileTypes: true })) {
      const path = below ? `${below}/${entry.name}` : entry.name;
      if (entry.isDirectory()) {
        await walk(path);
      } else if (entry.isFile()) {
        files.push({ uri: scheme + path.split("/").map(encodeURIComponent).join("/"), name: path });
      }
    }
  };
  await walk("");
  return files.sort((a, b) => (a.name < b.name ? -1 : 1));
}

// read returns a text file below root. A path that leads out of it, by "..", by a link or by being absolute, is refused
// with the same words as one that leads nowhere.
async function read(root: string, path: string): Promise<string> {
  const missing = new Error(`there is no document ${path}`);
  const top = await realpath(root);
  const file = await realpath(resolve(top, path)).catch(() => {
    throw missing;
  });
  const way = relative(top, file);
  if (isAbsolute(way) || way === ".." || way.startsWith(`..${sep}`)) {
    throw missing;
  }
  const info = await stat(file);
  if (!info.isFile()) {
    throw missing;
  }
  if (info.size > maxBytes) {
    throw new Error(`${path} is larger than 1 MiB`);
  }
  return readFile(file, "utf-8");
}
