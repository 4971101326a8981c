# Rapport. `make` alone says what there is.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo up test soak fuzz eval train bench profile check build sbom fmt docs clean functions e2e synth diff deploy outputs destroy template

SEEDS ?= 20000
FIRST ?= 1
FUZZ ?= 10s
PUBLIC ?= out/eval
DATA ?= out/data
KEEP ?=
STACK ?= rapport
CONTEXT ?=
CHANGESET ?=
PURGE ?=
YES ?=
CHOSEN = --context stack=$(STACK) $(if $(filter amd64,$(ARCH)),--context arch=x86_64) $(CONTEXT)
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

eval: ## measure what Rapport understands: one table, and docs/understanding.md; PUBLIC=out/eval holds public test sets
	@go run ./scripts/eval -write -public $(PUBLIC)

train: ## make the weights of the readers of text and language from the sets of DATA.md in DATA=out/data
	@go run ./scripts/train -data $(DATA)

bench: ## measure: work per mention, store, queue, start; writes out/bench.txt
	@scripts/bench.sh

profile: ## where a home spends its time: writes out/home.pprof, for `go tool pprof`
	@mkdir -p out && KILL_PROFILE=$(CURDIR)/out/home.pprof go test ./shared/localrun -run '^$$' -bench 'Known/10000$$' -benchtime 20000x

check: ## format, vet, staticcheck, golangci-lint, govulncheck, race detector
	@scripts/check.sh

e2e: ## deploy the real template on an emulator of AWS and play there
	@scripts/e2e.sh

template: ## synthesise the template and let cfn-lint and sam look at it
	@scripts/template.sh

##@ On AWS (docs/aws.md): STACK=rapport CONTEXT="--context NAME=VALUE …"
functions: ## build the functions for ARCH=arm64 (or amd64) into build/<function>/bootstrap
	@scripts/functions.sh $(ARCH)

synth: functions ## write the plain template to cdk.out/
	@scripts/cdk.sh synth --quiet $(CHOSEN) && echo cdk.out/$(STACK).template.json

diff: functions ## what a deployment would change
	@scripts/cdk.sh diff $(CHOSEN)

deploy: functions ## look, tell the cost, ask, bootstrap and deploy; CHANGESET=1 stops at a change set
	@go run ./scripts/deploy up --stack $(STACK) $(if $(YES),--yes) $(if $(CHANGESET),--changeset) -- $(CHOSEN)

outputs: ## every address an operator needs
	@go run ./scripts/deploy outputs --stack $(STACK) -- $(CHOSEN)

destroy: ## delete the stack; table, archive, users and keys stay unless PURGE=$(STACK)
	@go run ./scripts/deploy destroy --stack $(STACK) $(if $(YES),--yes) $(if $(PURGE),--purge $(PURGE)) -- $(CHOSEN)

##@ Hand it on
build: ## build the command line into build/rapport, the same bytes every time
	@scripts/build.sh "$$(go env GOARCH)" && sha256sum build/rapport

sbom: build functions ## write what the programs are made of to build/sbom.json (CycloneDX)
	@go run ./scripts/sbom build/rapport build/*/bootstrap > build/sbom.json && echo build/sbom.json

##@ Keep it in order
fmt: ## format the code
	@gofmt -w $$(git ls-files '*.go')

docs: ## write the generated pages under docs/ and events/function/
	@go run ./scripts/docs
	@go test -count=1 ./scripts/rapport -run '^TestFunctionEvents$$' -update > /dev/null && echo events/function/

clean: ## remove what the commands above left behind
	@rm -rf bin out build cdk.out .venv .venv-template infra/node_modules

help:
	@awk 'BEGIN { FS = ":.*## " } /^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z0-9]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST); echo
