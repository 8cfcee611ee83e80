#!/usr/bin/env bash
# Writes the section "The service" of docs/PERFORMANCE.md and the picture in it anew, and leaves the other sections as they are.
# Takes four minutes on two quiet cores, and ten to build; what else runs shows in the figures.
set -euo pipefail
cd "$(dirname "$0")/.."
report=docs/PERFORMANCE.md
grep -qx "## The HTTP API" "$report"
new=$(mktemp)
trap 'rm -f "$new"' EXIT

{
  sed '/^## The service$/,$d' "$report"
  printf '## The service\n\n'
  printf 'Written by `just bench` (`benches/report.sh`) on %s: %s cores of %s, %s GB of memory, %s, built as the image is. ' \
    "$(date -u +%F)" "$(nproc)" "$(sed -n 's/^model name[^:]*: //p;T;q' /proc/cpuinfo)" \
    "$(awk '/MemTotal/ { printf "%.0f", $2 / 1e6 }' /proc/meminfo)" "$(rustc --version | cut -d' ' -f1-2)"
  printf 'Every figure stands beside a limit that was measured in the same run, and it is their ratio that counts.\n\n'
  cargo bench --locked --bench scale | sed 's/^## /### /'
  cat benches/findings.md
  printf '\n'
  sed -n '/^## The HTTP API$/,$p' "$report"
} > "$new"
mv "$new" "$report"
chmod 644 "$report"
