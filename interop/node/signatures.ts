// Checks with jose what sumun has signed, and signs what sumun checks:
//   signatures.ts PAYLOAD server.sig keys.json OUT.sig OUT.jwk
// PAYLOAD is the canonical form of a manifest.
import { readFileSync, writeFileSync } from "node:fs";
import { GeneralSign, calculateJwkThumbprint, createLocalJWKSet, exportJWK, generalVerify, generateKeyPair } from "jose";

const [payloadFile, sigFile, keysFile, outSig, outKey] = process.argv.slice(2);
const payload = new Uint8Array(readFileSync(payloadFile));
const signature = JSON.parse(readFileSync(sigFile, "utf8"));
const keys = createLocalJWKSet(JSON.parse(readFileSync(keysFile, "utf8")));

const encoded = Buffer.from(payload).toString("base64url");
const verified = await generalVerify({ ...signature, payload: encoded }, keys, { algorithms: ["EdDSA", "ES256"] });
if (verified.protectedHeader?.typ !== "mcp-manifest+jws") throw new Error("another typ");

let refused = false;
try {
  await generalVerify({ ...signature, payload: Buffer.from("{}").toString("base64url") }, keys);
} catch {
  refused = true;
}
if (!refused) throw new Error("another payload was taken");

const { publicKey, privateKey } = await generateKeyPair("ES256", { extractable: true });
const jwk = await exportJWK(publicKey);
const kid = await calculateJwkThumbprint(jwk);
const made = await new GeneralSign(payload)
  .addSignature(privateKey)
  .setProtectedHeader({ alg: "ES256", kid, typ: "mcp-manifest+jws" })
  .sign();
writeFileSync(outSig, JSON.stringify({ signatures: made.signatures }));
writeFileSync(outKey, JSON.stringify({ ...jwk, kid, alg: "ES256", use: "sig" }));
console.log("verified", verified.protectedHeader.alg);
