// The reference server "everything" on a WebSocket, which it does not offer itself: one message in each text frame, under
// the subprotocol "mcp", as the official SDK's client for WebSockets wants it.
//
//     PORT=4000 node socket.ts

import { createServer as createHTTP } from "node:http";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import type { JSONRPCMessage } from "@modelcontextprotocol/sdk/types.js";
import { createServer } from "@modelcontextprotocol/server-everything/dist/server/index.js";
import { type WebSocket, WebSocketServer } from "ws";

class SocketTransport implements Transport {
  onclose?: () => void;
  onerror?: (error: Error) => void;
  onmessage?: (message: JSONRPCMessage) => void;
  private readonly socket: WebSocket;

  constructor(socket: WebSocket) {
    this.socket = socket;
  }

  async start(): Promise<void> {
    this.socket.on("message", (data, isBinary) => {
      if (isBinary) this.socket.close(1003, "messages are text");
      else this.onmessage?.(JSON.parse(data.toString()));
    });
    this.socket.on("close", () => this.onclose?.());
    this.socket.on("error", (error) => this.onerror?.(error));
  }

  async send(message: JSONRPCMessage): Promise<void> {
    this.socket.send(JSON.stringify(message));
  }

  async close(): Promise<void> {
    this.socket.close(1000);
  }
}

const http = createHTTP((_, response) => response.writeHead(426).end("this is for WebSockets\n"));
const sockets = new WebSocketServer({
  server: http,
  handleProtocols: (offered) => (offered.has("mcp") ? "mcp" : false),
});
sockets.on("connection", async (socket) => {
  if (socket.protocol !== "mcp") return socket.close(1002, "the subprotocol is mcp");
  const { server, cleanup } = createServer();
  server.server.onclose = () => cleanup();
  await server.connect(new SocketTransport(socket));
});
http.listen(Number(process.env.PORT), "127.0.0.1");
