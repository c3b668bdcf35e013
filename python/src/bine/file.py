"""The files of a project."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Union

from .record import File, read
from .transport import Transport, pages

CHUNK = 1 << 20


class Files:
    """The files of a project. Paths are relative to its directory: ``Resources/flights.csv``."""

    def __init__(self, transport: Transport, project: str) -> None:
        self._transport = transport
        self._project = project

    def _path(self, path: str) -> tuple[str, ...]:
        return ("projects", self._project, "files", *str(path).strip("/").split("/"))

    def list(self, directory: str = "") -> Iterator[File]:
        """What is in a directory, by name."""
        params = {"dir": str(directory).strip("/")}
        for one in pages(self._transport, "projects", self._project, "files", params=params):
            yield read(File, one)

    def stat(self, path: str) -> File:
        """Describes one file or directory."""
        params = {"path": str(path).strip("/")}
        return read(File, self._transport.json("GET", "projects", self._project, "stat", params=params))

    def read(self, path: str, offset: int = 0, length: int = 0) -> bytes:
        """The bytes of a file, or ``length`` of them from ``offset`` on."""
        headers = {}
        if offset or length:
            headers["Range"] = f"bytes={offset}-{offset + length - 1 if length else ''}"
        return self._transport.send("GET", *self._path(path), headers=headers).content

    def read_text(self, path: str, encoding: str = "utf-8") -> str:
        """A file as text."""
        return self.read(path).decode(encoding)

    def write(self, path: str, data: Union[bytes, str, IO[bytes]], overwrite: bool = True) -> File:
        """Writes a file, whole or not at all. The directory above it must exist."""
        if isinstance(data, str):
            data = data.encode()
        params = {"overwrite": "true" if overwrite else "false"}
        # The same content written twice leaves the same file; a stream cannot be sent twice.
        safe = overwrite and isinstance(data, bytes)
        answer = self._transport.json(
            "PUT", *self._path(path), params=params, content=data, safe=safe,
            headers={"Content-Type": "application/octet-stream"},
        )
        return read(File, answer)

    def upload(self, local: Union[str, "os.PathLike[str]"], path: str = "", overwrite: bool = True) -> File:
        """Copies a local file into the project; without ``path`` under its own name to Resources."""
        source = Path(local)
        with open(source, "rb") as f:
            return self.write(path or f"Resources/{source.name}", f, overwrite)

    def download(self, path: str, local: Union[str, "os.PathLike[str]", None] = None) -> Path:
        """Copies a file of the project to a local one; without ``local`` into the working directory."""
        target = Path(local) if local is not None else Path(Path(path).name)
        if target.is_dir():
            target = target / Path(path).name
        partial = target.with_name(target.name + ".partial")

        def copy() -> None:
            with self._transport.stream("GET", *self._path(path)) as answer, open(partial, "wb") as f:
                for chunk in answer.iter_bytes(CHUNK):
                    f.write(chunk)

        self._transport.again(copy)
        os.replace(partial, target)
        return target

    def mkdir(self, path: str) -> File:
        """Makes a directory, and those above it."""
        return self._change(path, {"op": "mkdir"})

    def rename(self, path: str, to: str) -> File:
        """Moves a file or directory within the project."""
        return self._change(path, {"op": "rename", "to": str(to).strip("/")})

    def remove(self, path: str, recursive: bool = False) -> None:
        """Removes a file, or with ``recursive`` a directory and what is in it."""
        params = {"recursive": "true" if recursive else "false"}
        self._transport.send("DELETE", *self._path(path), params=params, safe=True)

    def _change(self, path: str, body: dict[str, Any]) -> File:
        return read(File, self._transport.json("POST", *self._path(path), json=body))
