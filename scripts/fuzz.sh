#!/usr/bin/env bash
# Runs every fuzzer of the module, each for the time given: fuzz.sh 5s
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:?usage: fuzz.sh duration}

n=0
while IFS=: read -r file func; do
	n=$((n + 1))
	echo "--- $func in $(dirname "$file"), $time"
	go test -run '^$' -fuzz "^$func\$" -fuzztime "$time" "./$(dirname "$file")/" | grep -vE '^fuzz: elapsed' || exit 1
done < <(git ls-files -co --exclude-standard '*_test.go' | grep -v '/testdata/' |
	xargs -r grep -HoE '^func Fuzz[A-Za-z0-9_]*\([a-z]+ \*testing\.F\)' | sed 's/func //; s/(.*//' | sort)
echo "$n fuzzers ran $time each"
