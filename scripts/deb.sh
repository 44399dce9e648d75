#!/usr/bin/env bash
# Builds the Debian package and, with --install as root, installs it, asks the
# program how it is, and removes it again:
#   scripts/deb.sh [--install] [OUT]
# VERSION and ARCH (amd64, arm64) can be set.
set -euo pipefail
cd "$(dirname "$0")/.."

install=
if [ "${1:-}" = --install ]; then install=1; shift; fi
version=${VERSION:-$(git describe --tags --match 'v*' 2>/dev/null || echo v0.0.0-dev)}
arch=${ARCH:-$(go env GOARCH)}
out=${1:-bin/linnet_${version#v}_$arch.deb}

mkdir -p bin "$(dirname "$out")"
# A package to try need not be reproducible, and without -trimpath much of it
# was compiled by others before.
trim=-trimpath
[ -z "$install" ] || trim=
GOOS=linux GOARCH=$arch CGO_ENABLED=0 go build $trim -ldflags '-s -w' -o "bin/linnet-$arch" ./cmd/linnet
go build -C tools/deb -o ../../bin/deb .
bin/deb "$version" "$arch" "bin/linnet-$arch" deploy "$out"
echo "$out: $(stat -c %s "$out") bytes"
[ -n "$install" ] || exit 0

work=$(mktemp -d)
pid=
had_user=$(getent passwd linnet || true)
cleanup() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || true
	[ -z "$pid" ] || wait "$pid" 2>/dev/null || true
	if dpkg-query -W linnet >/dev/null 2>&1; then dpkg --purge linnet >/dev/null; fi
	[ -n "$had_user" ] || ! getent passwd linnet >/dev/null || deluser --quiet linnet
	rm -rf "$work"
}
trap cleanup EXIT

if dpkg-query -W -f '${Status}' linnet 2>/dev/null | grep -q 'ok installed'; then
	echo "linnet is installed already, and this would remove it: not touched" >&2
	trap - EXIT
	exit 1
fi
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$(realpath "$out")" >/dev/null
linnet version
getent passwd linnet >/dev/null
[ "$(stat -c '%a %U' /usr/bin/linnet /etc/default/linnet /usr/lib/systemd/system/linnet.service | sort -u | tr '\n' ,)" = '644 root,755 root,' ]
dpkg-query -W -f '${Conffiles}\n' linnet | grep -q /etc/default/linnet
# As its own user, as the unit runs it.
install -d -o linnet -g linnet -m 0700 "$work/data"
chmod 755 "$work"
setpriv --reuid=linnet --regid=linnet --clear-groups \
	linnet serve --unix "$work/data/s" -p off -ws off --data "$work/data" >"$work/log" 2>&1 &
pid=$!
for i in $(seq 100); do
	if [ -S "$work/data/s" ] && linnet healthcheck -L "unix://$work/data/s" 2>/dev/null; then break; fi
	if [ "$i" = 100 ]; then
		echo "the installed broker does not answer:" >&2
		cat "$work/log" >&2
		exit 1
	fi
	sleep 0.1
done
kill "$pid"
wait "$pid"
pid=
dpkg --remove linnet >/dev/null
[ ! -e /usr/bin/linnet ]
[ -e /etc/default/linnet ]
echo 'installed, run, removed'
