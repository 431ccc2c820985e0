import { McpServer } from 'typescript-mcp';

const server = new McpServer({
  port: 8080,
  apiKey: process.env.MCP_API_KEY,
});

// Tool 등록
server.registerTool('weather.getCurrent', async (args, ctx) => {
  const resp = await fetch(`https://api.weather.com/v3/${args.location}`);
  const data = await resp.json();
  return { temperature: data.temp, condition: data.text };
});

// Resource 등록 (파일 읽기)
server.registerResource('file.read', async (params) => {
  const fs = require('fs').promises;
  const content = await fs.readFile(params.path, 'utf-8');
  return { content };
});

// Server 시작
server.start();
server.defineScope('read:file', ['file.read']);
server.defineScope('invoke:weather_api', ['weather.getCurrent']);
