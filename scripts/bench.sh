#!/bin/bash
# Measures on this machine and keeps what came out in out/bench.txt. Compare numbers of one run only.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p out
exec > >(tee out/bench.txt) 2>&1
echo "# $(date -u +%Y-%m-%dT%H:%MZ), $(go version | cut -d' ' -f3,4), $(nproc) processors, commit $(git rev-parse --short HEAD)"
count=${COUNT:-3}
for package in $(grep -rlE --include='*_test.go' '^func Benchmark' shared | xargs -n1 dirname | sort -u); do
	echo "== $package"
	go test "./$package" -run '^$' -bench . -benchmem -count "$count" | grep -E '^(Benchmark|FAIL|panic)' || true
done
echo "== start of rapport up"
go test ./scripts/rapport -run '^TestReady$' -count "$count" -v | grep -oE 'ready after [0-9.]+ ms' || true
