#!/usr/bin/env bash
# The same tables, saved by LibreOffice as CSV in three dialects and as XLSX, mean the same jobs. Installs LibreOffice's Calc from
# Debian if there is none. (Needs cargo, curl and python3.)
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT

command -v soffice > /dev/null || {
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libreoffice-calc-nogui
}

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
cargo build --quiet --locked --manifest-path "$root/Cargo.toml"
skillsync=$CARGO_TARGET_DIR/debug/skillsync

# Separator, quotation mark, charset (76: UTF-8, 1: Windows-1252, 65535: UTF-16), first line, formats, language, quote all, as shown.
save() {
  soffice --headless -env:UserInstallation="file://$work/profile" --convert-to "$2" --outdir "$work/out" \
    "$work/roster.fods" "$work/export.fods" > "$work/soffice.log" 2>&1 || { cat "$work/soffice.log"; exit 1; }
  for table in roster export; do mv "$work/out/$table.${2%%:*}" "$work/$table.$1"; done
}
python3 make.py "$work"
save comma.csv 'csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true'
save semicolon.csv 'csv:Text - txt - csv (StarCalc):59,34,1,1,,0,false,true'
save tab.csv 'csv:Text - txt - csv (StarCalc):9,34,65535,1,,0,false,true'
save xlsx 'xlsx:Calc MS Excel 2007 XML'

ports=$(python3 -c '
import socket
sockets = [socket.socket() for _ in range(2)]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))')
read -r genesys port <<< "$ports"
"$skillsync" simulate --listen "127.0.0.1:$genesys" > "$work/simulate.log" 2>&1 &
mkdir "$work/journal"
export SKILLSYNC__GENESYS__API_URL=http://127.0.0.1:$genesys SKILLSYNC__GENESYS__LOGIN_URL=http://127.0.0.1:$genesys
export SKILLSYNC__GENESYS__CLIENT_ID=skillsync-simulated SKILLSYNC__GENESYS__CLIENT_SECRET=not-a-secret
# Windows that are short: a service without a book of its calls waits for one of them.
export SKILLSYNC__GENESYS__LIMITS=60/200ms
export SKILLSYNC__SERVER__LISTEN=127.0.0.1:$port SKILLSYNC__JOURNAL__PATH=$work/journal
"$skillsync" serve --config config.toml > "$work/serve.log" 2>&1 &
for _ in $(seq 100); do curl --silent --fail --output /dev/null "http://127.0.0.1:$port/readyz" && break; sleep 0.1; done
python3 check.py "http://127.0.0.1:$port" "$work" "$skillsync" config.toml || { tail -n 5 "$work"/*.log; exit 1; }
