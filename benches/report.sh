#!/usr/bin/env bash
# Writes docs/PERFORMANCE.md and the picture in it anew. Takes four minutes on two quiet cores, and ten to build; what else runs shows in the figures.
set -euo pipefail
cd "$(dirname "$0")/.."
report=docs/PERFORMANCE.md
new=$(mktemp)
trap 'rm -f "$new"' EXIT

{
  printf '# Performance: what the service itself costs\n\n'
  printf 'Written by `just bench` (`benches/report.sh`) on %s: %s cores of %s, %s GB of memory, %s, built as the image is. ' \
    "$(date -u +%F)" "$(nproc)" "$(sed -n 's/^model name[^:]*: //p;T;q' /proc/cpuinfo)" \
    "$(awk '/MemTotal/ { printf "%.0f", $2 / 1e6 }' /proc/meminfo)" "$(rustc --version | cut -d' ' -f1-2)"
  printf 'Every figure stands beside a limit that was measured in the same run, and it is their ratio that counts. '
  printf 'How well the permitted rate is used is in [PACE.md](PACE.md), the API under load in [API-PERFORMANCE.md](API-PERFORMANCE.md), the journal in [JOURNAL.md](JOURNAL.md).\n\n'
  cargo bench --locked --bench scale
  cat benches/findings.md
} > "$new"
mv "$new" "$report"
chmod 644 "$report"
