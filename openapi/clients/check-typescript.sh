#!/usr/bin/env bash
# Generates TypeScript types from openapi/openapi.json, type-checks them with the story, and runs that against a service.
# usage: check-typescript.sh URL      (SKILLSYNC_KEY holds the key where one is needed)
set -euo pipefail
url=${1:?usage: check-typescript.sh URL}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp "$here"/typescript/* "$work"
cd "$work"
npm install --silent --no-audit --no-fund
npx openapi-typescript "$here/../openapi.json" --output schema.d.ts
npx tsc
node out/story.js "$url"
