# The commands of Bine's own development. `make help` lists them.
export GOTOOLCHAIN := go1.26.10
export CGO_ENABLED := 1

GO      := go
DATA    ?= .bine
EXIT    ?=
LDFLAGS := -s -w -X main.version=$(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
SHIM    := cmd/bine/embedded/bine-shim
ASSETS  := templates/assets/dist/manifest.json

.DEFAULT_GOAL := help
.PHONY: help run build test test-all test-deps check fmt bench record reset clean assets

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## build Bine, start it and take the flights example through it; EXIT=1 stops after the prediction
	@deploy/check.sh
	@$(MAKE) --no-print-directory build
	@exec ./bin/bine demo --data $(DATA) $(if $(EXIT),--exit)

build: bin/bine ## build bin/bine

bin/bine: FORCE $(SHIM) $(ASSETS)
	@deploy/build.sh ./cmd/bine bin/bine '$(LDFLAGS)'

$(SHIM): go.mod $(wildcard cmd/bine-shim/*.go internal/shim/*.go internal/confine/*.go)
	@mkdir -p $(@D)
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o $@ ./cmd/bine-shim

assets: $(ASSETS) ## bundle the pages' scripts and styles

$(ASSETS): templates/assets/package-lock.json $(shell find templates/assets/src templates/assets/css -type f 2>/dev/null) templates/assets/build.mjs
	@cd templates/assets && npm ci --silent --no-audit --no-fund && node node_modules/esbuild/install.js && node build.mjs

# The S3 server that tests of the block store run against. Its many dependencies
# stay in a module of their own.
bin/versitygw: e2e/s3/go.mod e2e/s3/go.sum
	@echo "  building versitygw, the S3 server of the tests (2 to 3 minutes the first time on 2 cores)"
	@mkdir -p bin
	@cd e2e/s3 && $(GO) build -o ../../bin/versitygw github.com/versity/versitygw/cmd/versitygw

FORCE:

fmt: ## format the code
	gofmt -w $$(git ls-files '*.go')

check: $(SHIM) $(ASSETS) ## formatting, vet, staticcheck, workflowcheck, import rules, unit tests
	deploy/checks.sh

test: test-deps $(SHIM) $(ASSETS) ## everything that CI runs
	deploy/test.sh

test-all: test ## the long forms too
	deploy/test.sh --long

test-deps: bin/versitygw ## install what the tests need beyond a compiler (as root on Debian; otherwise say what is missing)
	@deploy/test-deps.sh

bench: build ## the figures Bine is held to
	./bin/bine bench all

record: ## record histories of every workflow anew
	$(GO) test ./workflows/recording -count=1 -record

reset: ## forget everything in $(DATA), after asking
	@if [ -x bin/bine ]; then ./bin/bine reset --data $(DATA); else echo "nothing was built here; remove $(DATA) by hand"; fi

clean: ## remove what was built
	rm -rf bin $(SHIM) templates/assets/dist templates/assets/node_modules
