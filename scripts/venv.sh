#!/bin/sh
# Makes .venv at the module's root with the AWS emulator of the tests, or another of other REQUIREMENTS. Does nothing
# where it is up to date.
set -eu
cd "$(dirname "$0")/.."
venv=${RAPPORT_VENV:-.venv}
requirements=${REQUIREMENTS:-scripts/requirements.txt}
stamp=$venv/requirements.done
if cmp -s "$requirements" "$stamp" && [ -x "$venv/bin/python3" ]; then
	exit 0
fi
echo "making $venv of $requirements" >&2
options="--quiet --disable-pip-version-check --no-input --requirement $requirements"
if python3 -m venv "$venv" 2>"$venv.log"; then
	# shellcheck disable=SC2086 # several options
	"$venv/bin/pip" install $options
elif python3 -m venv --clear --without-pip "$venv" 2>>"$venv.log" && python3 -m pip --python "$venv/bin/python3" install $options 2>>"$venv.log"; then
	: # Debian without python3-venv: pip from outside fills it
else
	cat "$venv.log" >&2
	echo "python3 cannot make a virtual environment: on Debian, apt install python3-venv; or name an AWS endpoint in AWS_ENDPOINT_URL" >&2
	exit 1
fi
rm -f "$venv.log"
cp "$requirements" "$stamp"
