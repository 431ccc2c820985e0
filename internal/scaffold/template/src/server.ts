// The MCP server of this project. It speaks on standard input and output; Sumun starts it (see config/mcp.yaml),
// and is what clients talk to: it asks for keys, checks scopes and keeps a record of every call.
//
// Standard output belongs to the protocol. Write logs with console.error.
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";

import { registerFiles } from "./resources/file.js";
import { registerWeather } from "./tools/weather.js";

const server = new McpServer({ name: "{{name}}", version: "0.1.0" });
registerWeather(server);
registerFiles(server, process.env.DOCS_ROOT ?? "docs");
await server.connect(new StdioServerTransport());
