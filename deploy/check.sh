#!/bin/sh
# Says whether this computer has what Bine is built and run with, and how to
# get what is missing. It changes nothing.
set -u
missing=0
say() { printf '        %-12s %s\n' "$1" "$2"; }
lack() { missing=1; printf '        %-12s MISSING. %s\n' "$1" "$2"; }

echo "  [1/5] checking what is here"
case "$(uname -s)" in
Linux) ;;
*) echo "        Bine runs on Linux: its processes are confined by Landlock and end with their supervisor, which $(uname -s) has no means for."
   exit 1 ;;
esac
if command -v go >/dev/null; then say Go "$(GOTOOLCHAIN=local go version | cut -d' ' -f3)"
else lack Go "Install Go 1.21 or newer (apt-get install golang-go, or the archive of its makers); it fetches the exact version itself."; fi
if command -v gcc >/dev/null || command -v cc >/dev/null; then say "C compiler" "$({ gcc -dumpversion || cc -dumpversion; } 2>/dev/null | head -1)"
else lack "C compiler" "apt-get install gcc libc6-dev"; fi
if python3 -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
	if command -v uv >/dev/null || python3 -m pip --version >/dev/null 2>&1; then say Python "$(python3 -c 'import platform; print(platform.python_version())')"
	else lack pip "apt-get install python3-pip (environments are built by uv, which pip fetches)"; fi
else lack Python "Install Python 3.9 or newer: apt-get install python3 python3-pip"; fi
if command -v npm >/dev/null && node -e 'process.exit(+process.versions.node.split(".")[0] < 18 ? 1 : 0)' 2>/dev/null; then say Node "$(node --version)"
else lack Node "Install Node 18 or newer with npm: apt-get install nodejs npm"; fi
free=$(df -Pk . | awk 'NR==2 {print int($4/1048576)}')
if [ "$free" -ge 6 ]; then say disk "$free GiB free"
else lack disk "$free GiB are free here; the first build and the demo's environment take 6."; fi
[ $missing -eq 0 ] || { echo "        Nothing was built. Install what is missing and run make again."; exit 1; }
