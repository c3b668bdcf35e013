#!/bin/sh
# Builds a Go program and shows how far it is, because the first build takes
# minutes: build.sh PACKAGE OUTPUT LDFLAGS
set -eu
package=$1 output=$2 flags=$3
first=""
if [ ! -x "$output" ]; then first=" (about 7 minutes the first time on 2 cores)"; fi
echo "  [2/5] building$first"
total=$(go list -deps "$package" | wc -l)
mkdir -p "$(dirname "$output")"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { go build -v -ldflags "$flags" -o "$output" "$package" 2>&1 || echo BUILD-FAILED; } |
	awk -v total="$total" -v log_="$log" '
		/^[a-z][A-Za-z0-9.\/_-]*$/ { if (++n % 100 == 0) { printf "        compiled %d of at most %d packages\n", n, total; fflush() } next }
		/^go: downloading/ { if (++d % 100 == 0) { printf "        fetched %d modules\n", d; fflush() } next }
		/^BUILD-FAILED$/ { bad = 1; next }
		{ print > log_ }
		END { exit bad }'; then
	cat "$log" >&2
	exit 1
fi
