#!/bin/bash
# Runs the CDK's command line in the version that infra/package-lock.json pins; installs it where it is missing.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
stamp=$root/infra/node_modules/.lock
if ! cmp -s "$root/infra/package-lock.json" "$stamp"; then
	command -v npm >/dev/null || { echo "the CDK needs Node 20 or newer with npm: https://nodejs.org" >&2; exit 1; }
	npm ci --silent --no-audit --no-fund --prefix "$root/infra" >&2
	cp "$root/infra/package-lock.json" "$stamp"
fi
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=1
exec "$root/infra/node_modules/.bin/cdk" "$@"
