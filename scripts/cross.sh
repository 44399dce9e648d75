#!/usr/bin/env bash
# Builds and vets the module, tests included, for every system we promise.
# linux/386 is there for the alignment of 64-bit atomics.
set -euo pipefail
cd "$(dirname "$0")/.."

for target in linux/amd64 linux/arm64 linux/386 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64; do
	echo "--- $target"
	export GOOS=${target%/*} GOARCH=${target#*/} CGO_ENABLED=0
	go build ./...
	go vet ./...
done
