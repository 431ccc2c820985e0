// What the checks need of a client, whatever the version of the SDK.

export type Item = Record<string, unknown>;

// An Endpoint is where a server is found: a command, or a URL with a key.
export type Endpoint = { command?: string; args?: string[]; url?: string; key?: string };

// Handlers answer what a server asks, and are told what it says.
export interface Handlers {
  elicited(): Item;
  sampled(text: string): string;
  roots(): { uri: string; name: string }[];
  logged(data: unknown): void;
  changed(uri: string): void;
}

type Options = { signal?: AbortSignal; onprogress?: (progress: { progress: number; message?: string }) => void };
type Page = { cursor?: string };
type Reference = { type: "ref/prompt"; name: string } | { type: "ref/resource"; uri: string };

// A Connection is a connected client.
export interface Connection {
  revision(): string; // what was agreed on, or the era
  callTool(
    params: { name: string; arguments: Item },
    options?: Options,
  ): Promise<{ content: Item[]; structuredContent?: Item; isError?: boolean }>;
  listTools(page: Page): Promise<object>;
  listPrompts(page: Page): Promise<object>;
  listResources(page: Page): Promise<object>;
  listResourceTemplates(page: Page): Promise<object>;
  readResource(params: { uri: string }): Promise<{ contents: Item[] }>;
  getPrompt(params: { name: string; arguments: Record<string, string> }): Promise<{ messages: Item[] }>;
  complete(params: {
    ref: Reference;
    argument: { name: string; value: string };
    context?: { arguments: Record<string, string> };
  }): Promise<{ completion: { values: string[] } }>;
  setLoggingLevel(level: "debug"): Promise<unknown>;
  subscribeResource(params: { uri: string }): Promise<unknown>;
  unsubscribeResource(params: { uri: string }): Promise<unknown>;
  getServerCapabilities(): Item | undefined;
  close(): Promise<void>;
}
