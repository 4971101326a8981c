#!/bin/bash
# Deploys the real template on an emulator of AWS and lets the real binaries work there, between fake networks and CRMs:
#   scripts/e2e.sh             builds, then runs the test
#   scripts/e2e.sh build DIR   only builds, into DIR
# It wants Go, Python 3 and Node; scripts/venv.sh and npm fetch the rest, in pinned versions.
set -euo pipefail
cd "$(dirname "$0")/.."
build() {
	mkdir -p "$1"
	scripts/functions.sh "$(go env GOARCH)" "$1/functions"
	go build -o "$1/" ./infra ./scripts/rapport ./scripts/deploy
}
if [ "${1:-}" = build ]; then
	build "$2"
	exit
fi
scripts/venv.sh
scripts/cdk.sh --version >/dev/null
begin=$SECONDS
build out/e2e
printf '%-24s %4d s\n' "build for end to end" $((SECONDS - begin))
RAPPORT_E2E_BUILT=$PWD/out/e2e go test -count=1 -timeout 15m ./infra/e2e "$@"
