"""Writes the YAML of a pipeline: only the plainest forms, which every reader reads the same way."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from .errors import Error

# A word that YAML can take for nothing but a text.
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*\Z")
_RESERVED = frozenset("y n yes no on off true false null nan inf".split())
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
# What a block of text cannot hold as it is.
_ODD = re.compile(r"[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\uffef\U00010000-\U0010ffff]")
_WIDTH = 100


def dump(value: Mapping[str, Any]) -> str:
    """The YAML of a mapping of plain values, in the order that it has."""
    return "\n".join(_mapping(value, "")) + "\n"


def _mapping(value: Mapping[str, Any], indent: str) -> list[str]:
    lines = []
    for key, inner in value.items():
        lines += _entry(f"{indent}{_key(key)}:", inner, indent)
    return lines


def _entry(head: str, value: Any, indent: str) -> list[str]:
    deeper = indent + "  "
    if isinstance(value, str) and "\n" in value:
        block = _block(value, deeper)
        return [f"{head} {block[0]}", *block[1:]] if block else [f"{head} {quoted(value)}"]
    flow = _flow(value)
    if not isinstance(value, (Mapping, list)) or not value:
        return [f"{head} {flow if not isinstance(value, str) else _scalar(value)}"]
    if len(head) + len(flow) < _WIDTH and "\\n" not in flow and not _deep(value):
        return [f"{head} {flow}"]
    if isinstance(value, Mapping):
        return [head, *_mapping(value, deeper)]
    lines = [head]
    for inner in value:
        lines += _entry(f"{deeper}-", inner, deeper)
    return lines


def _deep(value: Any) -> bool:
    """Whether a value has more levels than are read well on one line."""
    inner = list(value.values()) if isinstance(value, Mapping) else value
    return any(isinstance(v, Mapping) and any(isinstance(w, (Mapping, list)) and w for w in v.values()) for v in inner)


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(v) for v in value) + "]"
    if isinstance(value, str):
        return _scalar(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Error(f"{value} cannot stand in a pipeline", kind="invalid")
        text = repr(value)
        return text if "." in text or "e" not in text else text.replace("e", ".0e")
    return json.dumps(value)


def _key(key: str) -> str:
    return key if _KEY.match(key) and key.lower() not in _RESERVED else quoted(key)


def _scalar(text: str) -> str:
    return text if _WORD.match(text) and text.lower() not in _RESERVED else quoted(text)


def quoted(text: str) -> str:
    """A text in double quotes, with whatever is not plainly printable escaped."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Error(f"the text {text!r} is no valid Unicode", kind="invalid") from None
    return _ODD.sub(lambda m: _escape(m.group()), json.dumps(text, ensure_ascii=False))


def _escape(c: str) -> str:
    return f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"


def _block(text: str, indent: str) -> list[str]:
    """A text of several lines as it is; nothing where that would not give it back exactly."""
    body = text[:-1] if text.endswith("\n") else text
    lines = body.split("\n")
    odd = _ODD.search(text) or "\t" in text or any(line != line.rstrip() for line in lines)
    if odd or not lines[0] or lines[0].startswith(" ") or not lines[-1]:
        return []
    mark = "|" if text.endswith("\n") else "|-"
    return [mark, *(indent + line if line else "" for line in lines)]
