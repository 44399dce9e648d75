#!/usr/bin/env bash
# Runs the Eclipse Paho interoperability suite against our broker:
#   scripts/paho.sh DIR [PORT]
# DIR is a checkout of paho.mqtt.testing at the commit below. BROKER is the
# command that starts the broker on PORT ({PORT} is replaced); the broker of
# internal/interop/pahobroker by default, which refuses a filter and shortens
# the Keep Alive as the suite expects it.
set -euo pipefail
commit=9d7bb80bb8b9d9cfc0b52f8cb4c1916401281103
dir=${1:?usage: paho.sh DIR [PORT]}
port=${2:-1883}
broker=${BROKER:-bin/pahobroker 127.0.0.1:\{PORT\}}

dir=$(cd "$dir" && pwd)
cd "$(dirname "$0")/.."

have=$(git -C "$dir" rev-parse HEAD)
if [ "$have" != "$commit" ]; then
	echo "paho: $dir is at $have, want $commit" >&2
	exit 1
fi
if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
	echo "paho: port $port is in use" >&2
	exit 1
fi

work=$(mktemp -d)
pid=
cleanup() {
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || true
	[ -z "$pid" ] || wait "$pid" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT

if [ -z "${BROKER:-}" ]; then go build -o bin/pahobroker ./internal/interop/pahobroker; fi

# suite FILE WANT: a fresh broker, then the suite, which must pass WANT tests.
#
# client_test.py hands its own --port on to unittest, which refuses it; hence
# the few lines of Python that run the file and give unittest no arguments but
# to name each test as it starts: test_flow_control2 waits for ever for the
# DISCONNECT 0x93 that a client over the Receive Maximum must get.
suite() {
	local file=$1 want=$2 log=$work/$1.log i
	# exec, so that the process id is the broker's own.
	bash -c "exec ${broker//\{PORT\}/$port}" >"$work/broker.log" 2>&1 &
	pid=$!
	for i in $(seq 100); do
		if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
		if ! kill -0 "$pid" 2>/dev/null || [ "$i" = 100 ]; then
			echo "paho: the broker did not start:" >&2
			tail -20 "$work/broker.log" >&2
			return 1
		fi
		sleep 0.1
	done
	local failed=0
	(cd "$dir/interoperability" && timeout 600 python3 -B -c '
import runpy, sys, unittest
sys.argv = sys.argv[1:]
main = unittest.main
unittest.main = lambda: main(argv=sys.argv[:1], verbosity=2)
runpy.run_path(sys.argv[0], run_name="__main__")
' "$file" --hostname 127.0.0.1 --port "$port") >"$log" 2>&1 || failed=1
	kill "$pid"
	wait "$pid" 2>/dev/null || true
	pid=
	if [ "$failed" = 1 ] || ! grep -qE "^Ran $want tests in" "$log" || ! grep -qx 'OK' "$log"; then
		grep -E '^(FAIL|ERROR|Ran|FAILED|OK)' "$log" | sort | uniq -c >&2 || true
		tail -40 "$log" >&2
		echo "paho: $file did not pass $want of $want" >&2
		return 1
	fi
	echo "paho: $file passed $want of $want"
}

status=0
suite client_test.py 10 || status=1
suite client_test5.py 27 || status=1
exit $status
