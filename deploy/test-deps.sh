#!/bin/sh
# Installs what tests need beyond a compiler: MariaDB, Chromium and fuse3, for the long
# forms (BINE_E2E_LONG=1) Java and Maven too, from Debian's packages, where this is Debian and we are root. Elsewhere it says
# what is missing; the tests that need it are then left out, except under CI,
# where leaving one out is a failure.
set -eu
want=""
command -v mariadbd >/dev/null || [ -x /usr/sbin/mariadbd ] || want="$want mariadb-server"
command -v chromium >/dev/null || want="$want chromium"
command -v fusermount3 >/dev/null || want="$want fuse3"
if [ -n "${BINE_E2E_LONG:-}" ]; then # Hadoop, Spark and Flink
	command -v javac >/dev/null || want="$want default-jdk-headless"
	command -v mvn >/dev/null || want="$want maven"
fi
[ -n "$want" ] || exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
	echo "installing$want"
	export DEBIAN_FRONTEND=noninteractive
	log=$(mktemp)
	# No service of these packages is to be started: tests start their own.
	if ! { apt-get update -q && apt-get install -y -q --no-install-recommends $want; } >"$log" 2>&1; then
		tail -30 "$log"
		echo "could not install$want"
		exit 1
	fi
	rm -f "$log"
else
	echo "not installed:$want. Tests that need it are left out; on Debian: sudo apt-get install --no-install-recommends$want"
fi
