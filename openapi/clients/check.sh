#!/usr/bin/env bash
# Starts a simulated Genesys and a service with a key, and runs all three checks against it.
# usage: check.sh      (needs cargo, curl, python3, node and npm; MAX_EXAMPLES as for check-document.sh)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

cargo build --locked --manifest-path "$root/Cargo.toml"
skillsync=${CARGO_TARGET_DIR:-$root/target}/debug/skillsync
genesys=http://127.0.0.1:$(free_port)
service=127.0.0.1:$(free_port)
export SKILLSYNC_KEY=a-key-that-guards-nothing
cat > "$work/skillsync.toml" <<TOML
[server]
listen = "$service"
requests_per_second = 100000
[[server.api_keys]]
name = "checks"
sha256 = "$(printf %s "$SKILLSYNC_KEY" | sha256sum | cut -d' ' -f1)"
role = "admin"
[genesys]
api_url = "$genesys"
login_url = "$genesys"
client_id = "skillsync-simulated"
client_secret = "not-a-secret"
limits = "200/1s"
[journal]
path = "$work/journal"
TOML
"$skillsync" simulate --listen "${genesys#http://}" --scenario "$here/scenario.toml" > "$work/simulator.log" 2>&1 &
"$skillsync" serve --config "$work/skillsync.toml" > "$work/service.log" 2>&1 &
ready() { curl --silent --fail "http://$service/readyz" > /dev/null; }
for _ in $(seq 100); do ready && break; sleep 0.1; done
ready || { cat "$work"/*.log; exit 1; }

"$here/check-python.sh" "http://$service"
"$here/check-typescript.sh" "http://$service"
"$here/check-document.sh" "http://$service"
curl --silent --fail "http://$service/healthz" > /dev/null
echo "clients and document hold"
