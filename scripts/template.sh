#!/bin/bash
# Synthesises the template, as it comes and with everything chosen, and lets cfn-lint and `sam validate --lint` look at both.
# The tools are pinned in infra/requirements.txt and installed into .venv-template.
set -euo pipefail
cd "$(dirname "$0")/.."
RAPPORT_VENV=.venv-template REQUIREMENTS=infra/requirements.txt scripts/venv.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for name in $(ls functions); do
	mkdir -p "$work/build/$name" && printf '#!/bin/sh\n' >"$work/build/$name/bootstrap"
done
app=$work/infra
go build -o "$app" ./infra
check() { # check NAME CONTEXT…
	local name=$1 out=$work/$1
	shift
	scripts/cdk.sh synth --quiet --app "$app" --output "$out" --context "build=$work/build" "$@" >"$work/said" 2>&1 || { cat "$work/said" && return 1; }
	.venv-template/bin/cfn-lint --regions eu-central-1 --template "$out/rapport.template.json"
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=eu-central-1 .venv-template/bin/sam validate --lint --template "$out/rapport.template.json" >"$work/said" 2>&1 || { cat "$work/said" && return 1; }
	echo "template $name: cfn-lint and sam find nothing"
}
check plain
check all --context hooks=httpapi --context domain=hooks.nordlicht.example --context certificate=arn:aws:acm:eu-central-1:123456789012:certificate/1 \
	--context key=new --context secrets=secretsmanager --context saml=https://login.example/metadata --context email=ops@nordlicht.example --context budget=20
