#!/bin/bash
# Builds the functions for Lambda (runtime provided.al2023) into build/<function>/bootstrap, the same bytes every time:
#   scripts/functions.sh [arm64|amd64] [folder] [function …]
set -euo pipefail
cd "$(dirname "$0")/.."
arch=${1:-arm64} out=${2:-build}
shift $(($# < 2 ? $# : 2))
names=${*:-$(cd functions && ls -d -- */ | tr -d /)}
mkdir -p "$out"
mod=$(go run ./scripts/slim)
# What runs for each mention is inlined. All else is not: it waits for others anyway, and is a tenth smaller so. Nor is anything in the
# two that hold most and run least.
hot=()
for package in rapport/shared/decide/... rapport/shared/expression github.com/expr-lang/expr/vm/... github.com/klauspost/compress/... encoding/json runtime/... internal/runtime/... \
	crypto/internal/fips140/sha256 crypto/sha256 hash/... math strconv strings bytes unicode/...; do
	hot+=("-gcflags=$package=")
done
for name in $names; do
	flags=(-gcflags=all=-l "${hot[@]}")
	[[ $name != jobs && $name != console ]] || flags=(-gcflags=all=-l)
	# Without paths, symbols, build id and the state of the repository, nothing is left that differs between machines.
	CGO_ENABLED=0 GOOS=linux GOARCH=$arch GOFLAGS= GOAMD64=v1 GOARM64=v8.0 go build -modfile "$mod" -overlay "${mod%go.mod}overlay.json" -tags lambda.norpc,nethttpomithttp2 "${flags[@]}" -trimpath -buildvcs=false -ldflags '-s -w -buildid=' \
		-o "$out/$name/bootstrap" "./functions/$name"
done
