#!/bin/bash
# Runs every test. `make test` and continuous integration call it. It sets up what the tests need and prints how long
# each part took; what `go test` says stands at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

part() { # part NAME COMMAND…: runs a command and says how long it took
	local name=$1 begin=$SECONDS
	shift
	"$@"
	printf '%-24s %4d s\n' "$name" $((SECONDS - begin))
}

if [ -z "${AWS_ENDPOINT_URL:-}" ]; then
	part "AWS emulator" scripts/venv.sh
fi
part "Chromium" scripts/chromium.sh
part "go build" go build ./...
part "go vet" go vet ./...
part "template" scripts/template.sh
part "end to end" scripts/e2e.sh
# shellcheck disable=SC2046 # a list of packages
exec go test -timeout 20m $(go list ./... | grep -v /infra/e2e$)
