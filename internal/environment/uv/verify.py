"""Imports the main modules of every installed package, one after the other.

Each is reported on standard output before it is imported and after, a JSON
object a line, so that the reader knows which one hung or ended the process.
What the packages print themselves goes to standard error.
"""

import importlib
import importlib.metadata
import json
import os
import re
import sys

out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

# Directories that careless packages install beside their module.
STRAY = {"test", "tests", "testing", "doc", "docs", "example", "examples", "benchmark", "benchmarks", "scripts", "tools", "src", "build", "conf"}


def report(**line):
    out.write(json.dumps(line) + "\n")
    out.flush()


def modules(dist):
    """The importable names of a package, without those that are private or strays."""
    found = {}
    for file in dist.files or ():
        parts = file.parts
        name = parts[-1]
        if parts[0].endswith((".dist-info", ".data", "__pycache__")) or parts[0] == "..":
            continue
        if name == "__init__.py" and len(parts) > 1:
            path = parts[:-1]
        elif len(parts) == 1 and name.endswith((".py", ".so", ".pyd")):
            path = (name.split(".")[0],)
        else:
            continue
        if all(p.isidentifier() for p in path) and not path[0].startswith("_") and path[0] not in STRAY:
            top = found.setdefault(path[0], path)
            if len(path) < len(top):
                found[path[0]] = path
    return sorted(".".join(p) for p in found.values())


def main_modules(dist):
    """The module that is called like its package, or all of them where none is."""
    names = modules(dist)
    plain = re.sub(r"[-_.]+", "", dist.metadata["Name"]).lower()
    same = [n for n in names if re.sub(r"[-_.]+", "", n).lower() == plain]
    return same or names[:5]


for dist in sorted(importlib.metadata.distributions(), key=lambda d: d.metadata["Name"].lower()):
    package = dist.metadata["Name"]
    for module in main_modules(dist):
        report(Package=package, Module=module)
        error = ""
        try:
            importlib.import_module(module)
        except BaseException as e:
            error = f"{type(e).__name__}: {e}"[:500]
        report(Package=package, Module=module, Error=error, Done=True)

out.flush()
os._exit(0)  # threads and exit handlers of the packages do not matter here
