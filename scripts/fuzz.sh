#!/bin/bash
# Fuzzes every target for a while each: scripts/fuzz.sh 10s [PACKAGE…]
set -euo pipefail
cd "$(dirname "$0")/.."
each=${1:-10s}
[ $# -gt 0 ] && shift
grep -rlE --include='*_test.go' '^func Fuzz' "${@:-.}" | sort | while read -r file; do
	grep -oE '^func Fuzz[A-Za-z0-9_]*' "$file" | cut -d' ' -f2 | while read -r target; do
		echo "== $(dirname "$file") $target"
		go test "./$(dirname "${file#./}")" -run '^$' -fuzz "^$target\$" -fuzztime "$each" </dev/null
	done
done
