#!/usr/bin/env bash
# Generates clients from the document, checks their types, and runs a story with each against a live service; lints the
# document; lets schemathesis look for answers that are not in it. Needs cargo, python3, node and npm.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
document=$root/openapi/openapi.json
examples=${SCHEMATHESIS_EXAMPLES:-40}
work=$(mktemp -d)
cleanup() {
  jobs -p | xargs -r kill 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap cleanup EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

echo "--- a simulated Genesys and a service"
cargo build --quiet --locked --manifest-path "$root/Cargo.toml"
skillsync=${CARGO_TARGET_DIR:-$root/target}/debug/skillsync
genesys=127.0.0.1:$(free_port)
service=127.0.0.1:$(free_port)
"$skillsync" simulate --listen "$genesys" --scenario "$here/scenario.toml" > "$work/simulator.log" 2>&1 &
SKILLSYNC__SERVER__LISTEN=$service SKILLSYNC__GENESYS__API_URL=http://$genesys SKILLSYNC__GENESYS__LOGIN_URL=http://$genesys \
  SKILLSYNC__GENESYS__CLIENT_ID=skillsync-simulated SKILLSYNC__GENESYS__CLIENT_SECRET=not-a-secret \
  SKILLSYNC__GENESYS__LIMITS=200/1s "$skillsync" serve > "$work/service.log" 2>&1 &
url=http://$service
for _ in $(seq 100); do curl --silent --fail "$url/readyz" > /dev/null && break; sleep 0.1; done
curl --silent --fail "$url/readyz" > /dev/null || { cat "$work"/*.log; exit 1; }

echo "--- python"
python3 -m venv "$work/python"
"$work/python/bin/pip" install --quiet --disable-pip-version-check \
  openapi-python-client==0.29.1 ruff==0.17.6 mypy==2.4.1 schemathesis==4.32.5
PATH=$work/python/bin:$PATH
printf 'project_name_override: skillsync-client\npackage_name_override: skillsync_client\n' > "$work/generator.yaml"
(cd "$work" && openapi-python-client generate --path "$document" --output-path generated \
  --config generator.yaml --meta none --fail-on-warning > /dev/null)
mkdir -p "$work/story" && mv "$work/generated" "$work/story/skillsync_client"
cp "$here/python/story.py" "$here/python/mypy.ini" "$work/story/"
(cd "$work/story" && mypy story.py skillsync_client && python story.py "$url")

echo "--- typescript"
mkdir "$work/typescript" && cp "$here/typescript/story.ts" "$work/typescript/"
cd "$work/typescript"
printf '{"private":true,"type":"module"}\n' > package.json
npm install --silent --no-audit --no-fund @hey-api/openapi-ts@0.99.0 typescript@5.9.3 esbuild@0.25.0 @redocly/cli@2.77.0
npx openapi-ts --silent --input "$document" --output client > /dev/null
npx tsc --noEmit --strict --skipLibCheck --target es2022 --module esnext --moduleResolution bundler \
  --lib es2022,dom,dom.iterable story.ts
npx esbuild story.ts --bundle --platform=node --format=esm --outfile=story.mjs --log-level=warning
node story.mjs "$url"

echo "--- the document"
REDOCLY_TELEMETRY=off npx redocly lint --config "$here/redocly.yaml" "$document"

echo "--- schemathesis, at most $examples examples an operation"
cd "$work"
schemathesis --config-file "$here/schemathesis.toml" run "$url/openapi.json" --max-examples "$examples" --seed 15 --workers 2
curl --silent --fail "$url/healthz" > /dev/null
echo "the clients and the document hold"
