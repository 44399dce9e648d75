# The targets a developer needs; "make" runs the tests.
# GOTESTFLAGS is added to "go test": make test GOTESTFLAGS=-v, or
# make bench GOTESTFLAGS="-benchtime 100ms -count 5".

GO       ?= go
PAHOPORT ?= 1883
KILLS    ?= 200
SEED     ?=

.DEFAULT_GOAL := test

.PHONY: test check lint fuzz cover crash paho conformance config-docs cross tidy generated deb bench clean

# The client libraries of internal/interop/clients are a module of their own,
# and race with themselves, so that tests with them run without -race. -mod=mod
# has its go.mod follow ours; "make tidy" finds what was not committed.
test: ## install what the tests need, then run them all
	scripts/install-test-needs.sh
	$(GO) test -race -shuffle=on $(GOTESTFLAGS) ./...
	$(GO) test -run 'Allocat' $(GOTESTFLAGS) ./mqtt # the race detector empties pools at random
	$(GO) test -C internal/interop/clients -mod=mod $(GOTESTFLAGS) ./...
	$(GO) test -C examples -mod=mod $(GOTESTFLAGS) ./...
	$(GO) test -C deploy/test $(GOTESTFLAGS) ./...

check: ## what a change must pass before it is sent, under 10 minutes
	$(MAKE) tidy lint generated cross test
	scripts/fuzz.sh 5s

lint: bin/golangci-lint ## run the linters of .golangci.yml
	bin/golangci-lint run ./...

fuzz: ## run every fuzzer for 60 s
	scripts/fuzz.sh 60s

cover: ## coverage of the core
	$(GO) test -coverpkg=./packets/...,./topics/...,./mqtt/... -coverprofile=coverage.txt $(GOTESTFLAGS) ./packets/... ./topics/... ./mqtt/...
	$(GO) tool cover -func=coverage.txt | tail -1

crash: ## kill the broker 200 times and look for what was lost: make crash KILLS=1000 SEED=7 CRASHFLAGS=...
	$(GO) build -o bin/linnet ./cmd/linnet
	$(GO) run ./internal/crash/cmd -program bin/linnet -kills $(KILLS) $(if $(SEED),-seed $(SEED)) $(CRASHFLAGS)

paho: ## run the Eclipse Paho interoperability suite: make paho DIR=checkout
	scripts/paho.sh "$(DIR)" $(PAHOPORT)

conformance: ## write docs/conformance.md from the tags in the tests
	$(GO) run ./internal/conformance/gen

config-docs: ## write the generated parts of docs/ about the configuration
	$(GO) run ./internal/config/gen

cross: ## build and vet for every system we promise
	scripts/cross.sh

tidy: ## fail if go.mod lists too much or too little
	$(GO) mod tidy -diff
	$(GO) mod tidy -C internal/interop/clients -diff
	$(GO) mod tidy -C examples -diff
	$(GO) mod tidy -C deploy/test -diff
	$(GO) mod tidy -C tools/deb -diff

generated: conformance config-docs ## fail if a generated file is not committed as generated
	git diff --exit-code -- docs/conformance.md docs/configuration.md docs/linnet.schema.json

deb: ## build the Debian package
	scripts/deb.sh

bench: ## run the benchmarks of the core
	$(GO) test -run '^$$' -bench . -benchmem $(GOTESTFLAGS) ./packets/... ./topics/... ./mqtt/...

clean: ## remove what make built
	rm -rf bin coverage.txt

# Tools have a module of their own, so that users of the library do not
# download them.
bin/golangci-lint: tools/go.mod tools/go.sum
	$(GO) build -C tools -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@touch $@
