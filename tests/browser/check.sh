#!/usr/bin/env bash
# Drives the dashboard in headless Chromium against live services. Installs what is missing: the Node packages of the
# lockfile here, and Chromium from Debian if there is none (CHROMIUM names another one).
#   tests/browser/check.sh                 all stories
#   tests/browser/check.sh --only upload   those with that word in their name
#   SCREENSHOTS=1 tests/browser/check.sh   also writes docs/screenshots anew
set -euo pipefail
cd "$(dirname "$0")"

[ -n "${CHROMIUM:-}" ] || CHROMIUM=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$CHROMIUM" ]; then
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core
  CHROMIUM=$(command -v chromium)
fi
export CHROMIUM

cmp -s package-lock.json node_modules/.lockfile || { npm ci --silent && cp package-lock.json node_modules/.lockfile; }

cargo build --quiet --locked
SKILLSYNC="$(cargo metadata --format-version 1 --no-deps --locked | node -pe 'JSON.parse(require("fs").readFileSync(0)).target_directory')/debug/skillsync"
export SKILLSYNC

filter=()
[ "${1:-}" = --only ] && filter=(--test-name-pattern "$2")
timeout $([ -n "${SCREENSHOTS:-}" ] && echo 420 || echo 200) node --test --test-reporter=spec "${filter[@]}" stories.test.mjs

# Pictures are a tenth of a megabyte each otherwise.
if [ -n "${SCREENSHOTS:-}" ] && command -v pngquant > /dev/null; then pngquant --force --ext .png --quality 70-95 ../../docs/screenshots/*.png; fi
