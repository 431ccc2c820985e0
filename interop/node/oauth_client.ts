// The official TypeScript SDK as a client that logs in: connects, is refused, gets a token, calls a tool, is asked for more scope, gets
// a token with it, and calls again. The browser is elsewhere: a URL that takes the address of the page to open and answers with what the
// login sends back. Prints one line of JSON: what the tools answered.
//
//	node oauth_client.ts '{"era":"legacy","url":…,"browser":…,"client":…,"callback":…,"tools":[…]}'
import {
  Client as Modern,
  StreamableHTTPClientTransport as ModernTransport,
  UnauthorizedError as ModernRefusal,
} from "@modelcontextprotocol/client";
import { UnauthorizedError as LegacyRefusal } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client as Legacy } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as LegacyTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";

type Plan = { era: string; url: string; browser: string; client: string; callback: string; tools: string[] };
type Tokens = { access_token: string; token_type: string };

const plan: Plan = JSON.parse(process.argv[2]);

// A Login is what the SDK asks of its host: where tokens and the like are kept, and a browser.
class Login {
  readonly redirectUrl = plan.callback;
  readonly clientMetadata = { redirect_uris: [plan.callback], client_name: "sumun-interop-typescript" };
  back = new URLSearchParams(); // what the last login sent back
  private kept: Tokens | undefined;
  private verifier = "";

  clientInformation() {
    return { client_id: plan.client };
  }

  tokens() {
    return this.kept;
  }

  saveTokens(tokens: Tokens) {
    this.kept = tokens;
  }

  saveCodeVerifier(verifier: string) {
    this.verifier = verifier;
  }

  codeVerifier() {
    return this.verifier;
  }

  async redirectToAuthorization(page: URL) {
    const answer = await fetch(plan.browser, { method: "POST", body: page.href });
    if (!answer.ok) throw new Error(await answer.text());
    this.back = new URLSearchParams(await answer.text());
  }
}

const login = new Login();

function open() {
  const url = new URL(plan.url);
  const info = { name: "sumun-interop-typescript", version: "1.0.0" };
  if (plan.era === "legacy") {
    const transport = new LegacyTransport(url, { authProvider: login });
    const client = new Legacy(info);
    return {
      connect: () => client.connect(transport as Transport),
      call: (name: string) => client.callTool({ name, arguments: {} }),
      finish: () => transport.finishAuth(login.back.get("code") ?? ""),
      close: () => client.close(),
    };
  }
  const transport = new ModernTransport(url, { authProvider: login });
  const client = new Modern(info, { versionNegotiation: { mode: "auto" } });
  return {
    connect: () => client.connect(transport),
    call: (name: string) => client.callTool({ name, arguments: {} }),
    finish: () => transport.finishAuth(login.back),
    close: () => client.close(),
  };
}

const refused = (error: unknown) => error instanceof LegacyRefusal || error instanceof ModernRefusal;

let session = open();
try {
  await session.connect();
  throw new Error("the gateway lets in who has no token");
} catch (error) {
  if (!refused(error)) throw error;
  await session.finish();
  session = open();
  await session.connect();
}
const answers: unknown[] = [];
for (const tool of plan.tools) {
  try {
    answers.push(await session.call(tool));
  } catch (error) {
    if (!refused(error)) throw error;
    await session.finish();
    answers.push(await session.call(tool));
  }
}
console.log(JSON.stringify(answers));
await session.close();
