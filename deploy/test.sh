#!/bin/sh
# Runs every test: test.sh [--long]
set -eu
long=""
[ "${1:-}" = --long ] && long=1
step() { printf '\n== %s (%s s)\n' "$1" "$(($(date +%s) - begun))"; }
begun=$(date +%s)
[ -z "$long" ] || BINE_E2E_LONG=1 deploy/test-deps.sh

step "formatting, modules, vet, staticcheck, workflowcheck"
bad=$(gofmt -l $(git ls-files '*.go'))
[ -z "$bad" ] || { echo "not formatted (make fmt): $bad"; exit 1; }
go mod tidy -diff
go vet ./...
go tool -modfile=tools.mod staticcheck ./...
go tool -modfile=tools.mod workflowcheck ./workflows/...

step "Go tests"
# One package at a time: several links of the Temporal server at once do not fit into memory.
go test -timeout 30m -p 2 $(go list ./... | grep -v -e /internal/temporal/embedded -e /workflows/recording -e /launch/earnest -e '/cmd/bine$')
go test -timeout 30m -p 1 ./internal/temporal/embedded/... ./internal/launch/earnest ./workflows/recording ./cmd/bine

step "Python client"
BINE_E2E_LONG=$long deploy/test-python.sh
# Doors that are tried by programs in Python, which are there now.
BINE_TEST_PYTHON="$PWD/bin/python-test/bin/python" go test -count=1 -run 'TestClient|Boto' ./server/mlflow ./server/s3

step "whole system"
mkdir -p bin
go build -ldflags '-s -w' -o bin/bine ./cmd/bine
(cd e2e && BINE_E2E_LONG=$long go test -p 1 -timeout 60m ./...)
step "done"
