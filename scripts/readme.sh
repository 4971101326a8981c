#!/bin/bash
# Runs the commands whose output the README shows and pastes it there: scripts/readme.sh [demo|test]
set -euo pipefail
cd "$(dirname "$0")/.."
for target in "${@:-demo}"; do
	out=$(mktemp)
	make --no-print-directory "$target" 2>/dev/null | tr -d '\r' >"$out"
	awk -v begin="<!-- output of: make $target -->" -v file="$out" '
		$0 == begin { print; print "```"; while ((getline line < file) > 0) print line; print "```"; skip = 1; next }
		skip && $0 == "<!-- end -->" { skip = 0 }
		!skip { print }' README.md >"$out.md"
	cat "$out.md" >README.md
	rm -f "$out" "$out.md"
done
