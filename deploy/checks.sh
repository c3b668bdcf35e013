#!/bin/sh
# What must be green at every commit; see `make check`.
set -eu
bad=$(gofmt -l $(git ls-files '*.go'))
[ -z "$bad" ] || { echo "not formatted (make fmt): $bad"; exit 1; }
go vet ./...
go tool -modfile=tools.mod staticcheck ./...
go tool -modfile=tools.mod workflowcheck ./workflows/...
# Packages that link the Temporal server are tested by make test.
go test $(go list ./... | grep -v -e /internal/temporal/embedded -e /workflows/recording -e /launch/earnest -e '/cmd/bine$')
