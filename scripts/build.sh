#!/bin/bash
# Builds the command line into build/rapport, the same bytes every time: scripts/build.sh [arm64|amd64] [folder] [linux|darwin|windows]
set -euo pipefail
cd "$(dirname "$0")/.."
arch=${1:-$(go env GOARCH)} out=${2:-build} os=${3:-$(go env GOOS)}
mkdir -p "$out"
mod=$(go run ./scripts/slim)
# It is linked without what nobody calls, so that less of it lies in memory.
# Without paths, symbols, build id and the state of the repository, nothing is left that differs between machines.
CGO_ENABLED=0 GOOS=$os GOARCH=$arch GOFLAGS= GOAMD64=v1 GOARM64=v8.0 go build -modfile "$mod" -overlay "${mod%go.mod}overlay.json" -tags nethttpomithttp2 \
	-trimpath -buildvcs=false -ldflags '-s -w -buildid=' -o "$out/" ./scripts/rapport
