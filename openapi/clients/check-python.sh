#!/usr/bin/env bash
# Generates a Python client from openapi/openapi.json, type-checks it with the story, and runs that against a service.
# The generator has no bodies of lines and leaves them out; the JSON body is what the client sends.
# usage: check-python.sh URL      (SKILLSYNC_KEY holds the key where one is needed)
set -euo pipefail
url=${1:?usage: check-python.sh URL}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
  openapi-python-client==0.29.1 mypy==2.4.1 httpx==0.28.1 attrs==26.1.0 python-dateutil==2.9.0.post0 types-python-dateutil
cat > "$work/config.yml" <<'YAML'
project_name_override: skillsync-client
package_name_override: skillsync_client
post_hooks: []
YAML
cd "$work"
"$work/venv/bin/openapi-python-client" generate --path "$here/../openapi.json" --config config.yml --meta none \
  --output-path "$work/skillsync_client"
cp "$here/python/story.py" .
PATH="$work/venv/bin:$PATH" mypy --strict story.py
"$work/venv/bin/python" story.py "$url"
