#!/bin/sh
# Runs a command beside an engine of Docker: the one that answers, or else one that is started for it, without a network, and ended after it.
# Where there is neither, the command runs all the same, and its tests say why they are skipped.
set -eu
if ! docker version >/dev/null 2>&1 && command -v dockerd >/dev/null && [ "$(id -u)" = 0 ]; then
  dir=$(mktemp -d)
  dockerd --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" --host "unix://$dir/docker.sock" --bridge none --iptables=false >"$dir/log" 2>&1 &
  engine=$!
  trap 'kill "$engine" 2>/dev/null || true; wait "$engine" 2>/dev/null || true; rm -rf "$dir"' EXIT
  export DOCKER_HOST="unix://$dir/docker.sock"
  for _ in $(seq 60); do
    docker version >/dev/null 2>&1 && break
    kill -0 "$engine" 2>/dev/null || { echo "no engine can be started here:"; tail -3 "$dir/log"; break; }
    sleep 0.5
  done
fi
"$@"
