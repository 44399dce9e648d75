#!/usr/bin/env bash
# Runs every fuzzer of the module, each for the time given: fuzz.sh 5s
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:?usage: fuzz.sh duration}

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# fuzz runs one fuzzer. Go's own end of the time is now and then told as a
# failure, "context deadline exceeded", without an input that fails: that run
# says nothing, so there is another. A finding names its input and always counts.
fuzz() {
	local func=$1 package=$2
	for _ in 1 2 3; do
		if go test -run '^$' -fuzz "^$func\$" -fuzztime "$time" "$package" >"$log" 2>&1; then
			grep -vE '^fuzz: elapsed' "$log" || true
			return 0
		fi
		if grep -q 'Failing input written' "$log" || ! grep -q '^    context deadline exceeded' "$log"; then
			break
		fi
		echo "    the time ran out in the middle; again"
	done
	grep -vE '^fuzz: elapsed' "$log" || true
	return 1
}

n=0
while IFS=: read -r file func; do
	n=$((n + 1))
	echo "--- $func in $(dirname "$file"), $time"
	fuzz "$func" "./$(dirname "$file")/" </dev/null
done < <(git ls-files -co --exclude-standard '*_test.go' | grep -v '/testdata/' |
	xargs -r grep -HoE '^func Fuzz[A-Za-z0-9_]*\([a-z]+ \*testing\.F\)' | sed 's/func //; s/(.*//' | sort)
echo "$n fuzzers ran $time each"
