#!/usr/bin/env bash
# Installs what the tests need and the machine lacks: the Debian packages of
# test-packages.txt, and the npm packages of every tracked package-lock.json
# in a folder named npmtest. Says what is missing where it cannot install.
set -euo pipefail
cd "$(dirname "$0")/.."

mapfile -t wanted < <(sed 's/#.*//; s/[[:space:]]//g; /^$/d' scripts/test-packages.txt)
missing=()
if command -v dpkg-query >/dev/null; then
	for p in "${wanted[@]}"; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing+=("$p")
	done
	if [ ${#missing[@]} -gt 0 ] && [ "$(id -u)" = 0 ]; then
		echo "installing ${missing[*]}"
		export DEBIAN_FRONTEND=noninteractive
		apt-get update -qq
		apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
		missing=()
	fi
else
	missing=("${wanted[@]}")
	echo "no Debian system: see that these are installed: ${wanted[*]}"
fi
if [ ${#missing[@]} -gt 0 ]; then
	echo "not checked or not installed, some tests will be skipped: ${missing[*]}" >&2
fi

# npm comes with some packages of nodejs; with Debian's it is one of its own.
if ! command -v npm >/dev/null && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
	echo "installing npm"
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends npm >/dev/null
fi

git ls-files '*npmtest/package-lock.json' | while read -r lock; do
	dir=$(dirname "$lock")
	[ "$dir/node_modules/.package-lock.json" -nt "$lock" ] && continue
	if ! command -v npm >/dev/null; then
		echo "npm is missing, the tests of $dir will be skipped" >&2
		continue
	fi
	echo "installing npm packages of $dir"
	npm ci --prefix "$dir" --no-audit --no-fund --loglevel=error
done
