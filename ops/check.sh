#!/usr/bin/env bash
# Holds what is under ops/ against the tools that will read it: promtool for the metrics of a running service and the
# alert rules. Says what it could not check.
set -euo pipefail
cd "$(dirname "$0")/.."

promtool=$(command -v promtool || true)
[ -n "$promtool" ] || { echo "promtool is not here (Debian: apt-get install prometheus); metrics and rules are not checked"; exit 1; }
"$promtool" check rules ops/prometheus/skillsync.rules.yml

systemd-analyze verify ops/systemd/skillsync.service 2>&1 | grep -v "is not executable" || true
systemd-analyze security --offline=true --threshold=20 ops/systemd/skillsync.service | tail -1
ops/check-manifests.py

port=${PORT:-18087}
cargo build --quiet --locked
target/debug/skillsync demo --keep --port "$port" >target/ops-demo.log 2>&1 &
demo=$!
trap 'kill $demo 2>/dev/null || true' EXIT
for _ in $(seq 120); do
  grep -q "still running" target/ops-demo.log && break
  kill -0 $demo || { cat target/ops-demo.log; exit 1; }
  sleep 0.5
done
curl --fail --silent "http://127.0.0.1:$port/metrics" >target/metrics.txt
"$promtool" check metrics <target/metrics.txt
echo "promtool takes $(grep -c '^# TYPE' target/metrics.txt) families, $(grep -vc '^#' target/metrics.txt) samples"
