#!/bin/sh
# Makes sure that there is a Chromium for the console's tests. Where Debian's package may be installed that is done; else it
# says what to install.
set -eu
for name in chromium chromium-browser google-chrome google-chrome-stable; do
	if command -v "$name" >/dev/null; then
		exit 0
	fi
done
root=
if [ "$(id -u)" != 0 ]; then
	root="sudo -n"
fi
if command -v apt-get >/dev/null && { [ -z "$root" ] || $root true 2>/dev/null; }; then
	echo "installing chromium" >&2
	$root apt-get update -qq >&2 || true
	if $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >&2; then
		exit 0
	fi
fi
echo "the console's tests need a Chromium: install the package chromium (or google-chrome)" >&2
exit 1
