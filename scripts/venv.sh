#!/bin/sh
# Makes .venv at the module's root with the AWS emulator of the tests. Does nothing where it is up to date.
set -eu
cd "$(dirname "$0")/.."
venv=${RAPPORT_VENV:-.venv}
stamp=$venv/requirements.done
if cmp -s scripts/requirements.txt "$stamp" && [ -x "$venv/bin/ministack" ]; then
	exit 0
fi
echo "making $venv (AWS emulator for the tests)" >&2
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-input --requirement scripts/requirements.txt
cp scripts/requirements.txt "$stamp"
