#!/usr/bin/env bash
# Lints openapi/openapi.json, and holds a running service against its own document.
# usage: check-document.sh URL      (SKILLSYNC_KEY holds the key; without one, whether keys are asked for is not checked)
# MAX_EXAMPLES (default 100) is the number of cases for each operation and phase.
set -euo pipefail
url=${1:?usage: check-document.sh URL}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

npm install --silent --no-audit --no-fund --prefix "$work" @redocly/cli@2.77.0
"$work/node_modules/.bin/redocly" lint --config "$here/redocly.yaml" "$here/../openapi.json"

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check schemathesis==4.32.5
checks=()
headers=()
if [ -n "${SKILLSYNC_KEY:-}" ]; then headers=(--header "Authorization: Bearer $SKILLSYNC_KEY"); else checks=(--exclude-checks ignored_auth); fi
cd "$work"
cp "$here/schemathesis_hooks.py" .
export PYTHONPATH="$work"
SCHEMATHESIS_HOOKS=schemathesis_hooks "$work/venv/bin/schemathesis" --config-file "$here/schemathesis.toml" run "$url/openapi.json" \
  --max-examples "${MAX_EXAMPLES:-100}" --continue-on-failure --no-color "${headers[@]}" "${checks[@]}"
