#!/usr/bin/env bash
# Lets the official Genesys SDKs judge the simulator's answers and the product's requests. Installs the pinned SDKs into
# folders here that git ignores. (Needs cargo, curl, python3 with venv, node and npm.)
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT

cmp -s requirements.txt venv/installed || {
  rm -rf venv
  python3 -m venv venv
  venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.txt
  cp requirements.txt venv/installed
}
cmp -s package-lock.json node_modules/.lockfile || { npm ci --silent && cp package-lock.json node_modules/.lockfile; }

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
cargo build --quiet --locked --manifest-path "$root/Cargo.toml"

# Starts an org of its own for a story and tells its URL.
org() {
  local port
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  url=http://127.0.0.1:$port
  "$CARGO_TARGET_DIR/debug/skillsync" simulate --listen "127.0.0.1:$port" --scenario scenario.toml \
    > "$work/$port.log" 2>&1 &
  for _ in $(seq 100); do curl --silent --fail --output /dev/null "$url/_simulator/behaviour" && return; sleep 0.1; done
  cat "$work/$port.log"
  return 1
}

echo "the Python SDK drives the simulator"
org
venv/bin/python story.py "$url"
echo "the JavaScript SDK drives the simulator"
org
STORY_URL=$url node --test --test-reporter=spec story.mjs

echo "the Python SDK's definitions and the product's requests"
venv/bin/python requests.py --self-test
mkdir "$work/requests"
# Together they use every route, which is checked.
tests=(check:: created_skills:: directory:: lookups:: main_job::five near_the_cap:: outcomes:: partner_endpoint::
  sim::random_runs ways::)
SKILLSYNC_REQUESTS_TO="$work/requests" SIM_RUNS=100 timeout 10m \
  cargo test --quiet --locked --manifest-path "$root/Cargo.toml" --test it -- "${tests[@]}" > "$work/tests.log" 2>&1 ||
  { cat "$work/tests.log"; exit 1; }
venv/bin/python requests.py "$work/requests"
echo "the SDKs agree"
