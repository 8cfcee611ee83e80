#!/usr/bin/env bash
# Holds what is under ops/ against the tools that will read it: promtool for the metrics of a running service and the
# alert rules, systemd for the unit, the published schemas for the manifests. Installs what is missing, from Debian and PyPI.
set -euo pipefail
cd "$(dirname "$0")/.."

need() { # command, Debian package
  command -v "$1" >/dev/null && return
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null
}
need promtool prometheus
need systemd-analyze systemd

promtool check rules ops/prometheus/skillsync.rules.yml

systemd-analyze verify ops/systemd/skillsync.service 2>&1 | grep -v "is not executable" || true
systemd-analyze security --offline=true --threshold=20 ops/systemd/skillsync.service | tail -1
venv=$PWD/target/ops-venv
[ -x "$venv/bin/kubernetes-validate" ] || { python3 -m venv "$venv" && "$venv/bin/pip" install -q pyyaml kubernetes-validate; }
PATH="$venv/bin:$PATH" ops/check-manifests.py

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
promtool check metrics <target/metrics.txt
echo "promtool takes $(grep -c '^# TYPE' target/metrics.txt) families, $(grep -vc '^#' target/metrics.txt) samples"
