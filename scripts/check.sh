#!/bin/bash
# Examines the code by tools of pinned versions. A tool that finds something makes the whole fail, after all have run.
set -uo pipefail
cd "$(dirname "$0")/.."

staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
golangci=github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
govulncheck=golang.org/x/vuln/cmd/govulncheck@v1.8.0
# Where goroutines share something. The simulation plays on one goroutine, and its seeds are too many for the detector.
# Broken twins of the store's suite race on purpose. infra runs in another process, its end-to-end test in many.
race=$(go list ./... | grep -vE '/infra(/|$)|/shared/(simulation|decide/.*|expression|mapping|config|store/storetest)$')

failed=()
part() { # part NAME COMMAND…
	local name=$1 begin=$SECONDS
	shift
	"$@" && local said=ok || { said=FOUND && failed+=("$name"); }
	printf '%-14s %-6s %4d s\n' "$name" "$said" $((SECONDS - begin))
}

format() {
	local list
	list=$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 ls -d 2>/dev/null | xargs gofmt -l)
	[ -z "$list" ] || { echo "$list" && return 1; }
}

vulnerabilities() {
	local said
	said=$(go run "$govulncheck" ./... 2>&1) && return 0
	if grep -qE 'fetching vulnerabilities|vuln.go.dev|dial tcp|no such host|403 Forbidden|connection refused' <<<"$said"; then
		echo "govulncheck cannot reach its database (https://vuln.go.dev): not checked"
		return 0
	fi
	echo "$said"
	return 1
}

detector() {
	[ -n "${AWS_ENDPOINT_URL:-}" ] || scripts/venv.sh
	# shellcheck disable=SC2086 # a list of packages
	go test -race -timeout 30m $race
}

part gofmt format
part vet go vet ./...
part staticcheck go run "$staticcheck" ./...
part golangci-lint go run "$golangci" run ./...
part govulncheck vulnerabilities
part race detector
if [ ${#failed[@]} -gt 0 ]; then
	echo "found something: ${failed[*]}" >&2
	exit 1
fi
