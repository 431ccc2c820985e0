#!/bin/sh
# Scans MCP servers: writes trust-scan.sarif, trust-scan.md and trust-scan.jsonl into OUT, and ends with 6 if something new is found.
#
#   BASELINE   what is known and does not count (default: trust-baseline.json, if it is there)
#   SUPPRESS   what is accepted for a time (default: trust-suppress.yaml, if it is there)
#   FAIL_ON    from which severity on the scan fails (default: high)
#   UPDATE     1 writes the baseline anew, and does not fail
#   OUT        the directory to write into (default: trust-scan)
#   HEADER     sent to servers with a URL, such as "Authorization: Bearer …"
#
# Usage: trust-scan.sh [URL | FILE]… [-- COMMAND ARG…]    without any, the servers of mcp.yaml
set -u
out=${OUT:-trust-scan}
baseline=${BASELINE:-trust-baseline.json}
suppress=${SUPPRESS:-trust-suppress.yaml}
mkdir -p "$out" || exit 2

# The servers are asked once: the facts are kept, and judged again for each report.
facts=$out/facts.jsonl
if [ -n "${HEADER:-}" ]; then
	set -- --header "$HEADER" "$@"
fi
sumun scan --no-history --save "$facts" --output "$out/trust-scan.txt" "$@"
code=$?
case $code in
0 | 6) ;;
*) exit $code ;; # 3: a server asks for credentials, 4: one could not be looked at
esac

set -- --from "$facts" --fail-on "${FAIL_ON:-high}"
if [ -f "$suppress" ]; then
	set -- "$@" --suppress "$suppress"
fi
if [ "${UPDATE:-}" = 1 ]; then
	exec sumun scan "$@" --baseline "$baseline" --update-baseline
fi
if [ -f "$baseline" ]; then
	set -- "$@" --baseline "$baseline"
fi
for format in sarif jsonl; do
	sumun scan --quiet "$@" --format $format --output "$out/trust-scan.$format" 2>/dev/null
done
sumun scan --quiet "$@" --format markdown --output "$out/trust-scan.md" 2>/dev/null
exec sumun scan "$@"
