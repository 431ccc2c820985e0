#!/bin/sh
# Signs an MCP server before it is deployed: writes manifest.json, server.sig and keys.json into OUT.
#
#   SIGNING_KEY   the private key in PEM, a secret of the CI (sumun signing-key create)
#   PUBLIC_KEYS   the file with its public half, in the repository (signing.pem.pub)
#   SERVER_URI    where clients reach the server; empty for a program
#   OUT           the directory to write into (default: well-known)
#
# Usage: code-sign.sh COMMAND ARG…    the command that starts the server
set -eu
: "${SIGNING_KEY:?is not set: the private key in PEM}" "${PUBLIC_KEYS:?is not set: the file of public keys}"
out=${OUT:-well-known}
mkdir -p "$out"

key=$(mktemp)
trap 'rm -f "$key"' EXIT
trap 'exit 130' INT TERM
chmod 600 "$key"
printf '%s\n' "$SIGNING_KEY" >"$key"

sumun manifest create --uri "${SERVER_URI:-}" --expires "${EXPIRES:-90d}" --epoch "${EPOCH:-$(date +%s)}" --output "$out/manifest.json" -- "$@"
sumun sign "$out/manifest.json" --key "$key" --output "$out/server.sig"
cp "$PUBLIC_KEYS" "$out/keys.json"

# What was signed is what anybody will see who checks it.
sumun verify "$out/manifest.json" --sig "$out/server.sig" --key "$PUBLIC_KEYS" --explain -- "$@"
