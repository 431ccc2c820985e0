# What CI runs is what you run: make check.
RACE := $(if $(filter 1,$(shell go env CGO_ENABLED)),$(if $(shell command -v "$$(go env CC)"),-race))
TOOL := go tool -modfile=tools/go.mod

# Where govulncheck reads known vulnerabilities: a URL, or file:// and a folder.
VULNDB ?= https://vuln.go.dev

.PHONY: help build check lint test slow fuzz vuln cover golden model eval bench conformance interop container postgres smoke

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

build: ## the binary, in bin/
	CGO_ENABLED=0 go build -trimpath -o bin/ ./cmd/sumun

check: lint test ## what a change has to pass

lint: ## format, vet, house rules, nothing unused, nothing untidy
	$(TOOL) golangci-lint run ./...
	cd interop && go tool -modfile=../tools/go.mod golangci-lint run ./... && go mod tidy -diff
	go mod tidy -diff
	go fix -diff ./...
	@dead=$$($(TOOL) deadcode -test ./...) && test -z "$$dead" || { echo "$$dead"; exit 1; }

# go vet is part of lint: here it would only analyse everything a second time.
test: ## every test that needs nothing but Go; the race detector where a C compiler is present
	@echo 'race detector: $(if $(RACE),on,off (no C compiler))'
	go test $(RACE) -vet=off -shuffle=on -ldflags="-s -w" ./...

slow: ## what takes minutes: the gateway killed 50 times under load, every byte of records and proofs changed, the whole zoo scanned, the whole matrix told, plugins changed 100 times under load, all attacks on the box
	SUMUN_TEST_SLOW=1 SUMUN_TEST_POSTGRES=start go test -count=1 -timeout 20m ./internal/auditlog ./internal/record
	SUMUN_TEST_SLOW=1 SUMUN_TEST_POSTGRES=start go test -count=1 -timeout 20m -v -run '^TestKilledOften$$' ./cmd/sumun
	SUMUN_TEST_SLOW=1 go test $(RACE) -count=1 -timeout 20m -run '^Test(Matrix|MatrixElsewhere|AuthorizationMatrix)$$' ./internal/gateway
	SUMUN_TEST_SLOW=1 go test -count=1 -timeout 20m -v -run '^TestHotReload$$' ./internal/gateway
	SUMUN_TEST_SLOW=1 go test -count=1 -timeout 20m -v -run '^TestAssault$$' ./internal/sandbox/assault
	SUMUN_TEST_SLOW=1 go test -count=1 -timeout 20m ./internal/inspect
	SUMUN_TEST_SLOW=1 go test -count=1 -timeout 20m -v -run '^Test(Zoo|Hammer|Anvil|Box)$$' ./internal/zoo

fuzz: ## half a minute for each fuzz target
	@set -e; grep -rl --include=*_test.go '^func Fuzz' . | while read -r file; do \
	  for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\).*/\1/p' "$$file"); do \
	    go test -run='^$$' -fuzz="^$$target$$" -fuzztime=30s "$$(dirname "$$file")"; done; done

vuln: ## known vulnerabilities in what the binary reaches
	$(TOOL) govulncheck -db $(VULNDB) ./...

cover: ## how much the tests reach, as cover.html
	go test -coverpkg=./... -coverprofile=cover.out ./...
	go tool cover -func=cover.out | tail -n 1
	go tool cover -html=cover.out -o cover.html

golden: ## accept what the tests now see
	UPDATE=1 go test ./cmd/...

model: ## train the detector of hidden orders (internal/inspect/model.txt) from its samples
	MODEL=1 go test -count=1 -run '^TestModel$$' ./internal/inspect

eval: ## how the detector judges what it was not trained on
	EVAL=1 go test -count=1 -v -run '^(TestEval|TestLinear)$$' ./internal/inspect

bench: ## the gateway beside its yardsticks, as one table
	go run ./bench

smoke: ## the first run of the README, as a stranger would do it
	cd interop && go test -count=1 -v -run '^TestFirstRun$$' .

conformance: ## the official conformance suite through the gateway (Node from npm)
	cd interop && go test -count=1 -v -run '^(TestConformance|TestTaskConformance|TestWayOut)$$' .

interop: ## official SDKs, the Inspector and Claude Code through the gateway (npm and PyPI); the official registry (PostgreSQL)
	cd interop && go test -count=1 -v -run '^Test(Peers|Boxed|Bridge|Lines|Doors|PythonEvents|GoClient|SeedExample|Objects|OAuth|Credentials|Tasks|Registry)$$' .
	SUMUN_TEST_PYPI=1 go test -count=1 -v -run '^TestPackages$$' ./internal/plugin/python

container: ## the container tier and all attacks on it, beside an engine of Docker where one answers or can be started
	tools/engine.sh go test -count=1 -v -run '^Test(Engine|Container)$$' ./internal/warden/container ./internal/sandbox/assault

postgres: ## queries and state in a PostgreSQL server, which the tests start (initdb and postgres of this machine)
	SUMUN_TEST_POSTGRES=start go test -count=1 -v -run '/postgres|Postgres' ./internal/database
	SUMUN_TEST_POSTGRES=start go test $(RACE) -count=1 ./internal/store ./internal/record
	SUMUN_TEST_POSTGRES=start go test $(RACE) -count=1 ./internal/steward
	SUMUN_TEST_POSTGRES=start go test -count=1 -v -run '^Test(Shared|Copied|Away|Full)$$' ./cmd/sumun
