# Rapport. `make` alone says what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo up test soak fuzz bench check fmt docs clean functions

SEEDS ?= 20000
FIRST ?= 1
FUZZ ?= 10s
KEEP ?=
ARCH ?= arm64

##@ See it
demo: ## play one invented day against fake networks and CRMs; KEEP=1 stays up and prints the addresses
	@KEEP=$(KEEP) go run ./scripts/rapport demo

up: ## run the local home with ./rapport.yaml and ./rapport.db; without both, the demo
	@go run ./scripts/rapport up

##@ Prove it
test: ## set up what tests need, then run every test
	@scripts/test.sh

soak: ## play SEEDS=20000 seeds of the simulation, from FIRST=1 on
	@go test -count=1 -timeout 12h ./shared/simulation -run '^TestSimulation$$' -seeds $(SEEDS) -seed $(FIRST) -v

fuzz: ## fuzz every parser and verifier for FUZZ=10s each
	@scripts/fuzz.sh $(FUZZ)

bench: ## measure: work per mention, store, queue, start; writes out/bench.txt
	@scripts/bench.sh

check: ## format, vet, staticcheck, golangci-lint, govulncheck, race detector
	@scripts/check.sh

##@ Run it on AWS
functions: ## build the functions for ARCH=arm64 (or amd64) into build/<function>/bootstrap
	@scripts/functions.sh $(ARCH)

##@ Keep it in order
fmt: ## format the code
	@gofmt -w $$(git ls-files '*.go')

docs: ## write the generated pages under docs/ and events/function/
	@go run ./scripts/docs
	@go test -count=1 ./scripts/rapport -run '^TestFunctionEvents$$' -update > /dev/null && echo events/function/

clean: ## remove what the commands above left behind
	@rm -rf bin out .venv

help:
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST); echo
