"""The files of a project."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Callable, Optional, Union

from .errors import Error
from .file_about import About
from .lease import Writer
from .path import FilePath
from .record import File, FileLease, read
from .transport import Transport, pages

CHUNK = 1 << 20


class Files(About):
    """The files of a project. Paths are relative to its directory: ``Resources/flights.csv``."""

    def __init__(self, transport: Transport, project: str) -> None:
        self._transport = transport
        self._project = project

    @property
    def where(self) -> tuple[str, str]:
        """The server and the project whose files these are."""
        return self._transport.url, self._project

    def path(self, path: Union[str, "os.PathLike[str]"] = "") -> FilePath:
        """A path as those of pathlib: ``files.path("Resources") / "note.txt"``."""
        return FilePath(self, path)

    def _path(self, path: str, part: str = "files") -> tuple[str, ...]:
        return ("projects", self._project, part, *str(path).strip("/").split("/"))

    def list(self, directory: str = "") -> Iterator[File]:
        """What is in a directory, by name."""
        params = {"dir": str(directory).strip("/"), "limit": "1000"}
        for one in pages(self._transport, "projects", self._project, "files", params=params):
            yield read(File, one)

    def stat(self, path: str) -> File:
        """Describes one file or directory."""
        params = {"path": str(path).strip("/")}
        return read(File, self._transport.json("GET", "projects", self._project, "stat", params=params))

    def read(self, path: str, offset: int = 0, length: int = 0, *, etag: str = "") -> bytes:
        """The bytes of a file, or ``length`` of them from ``offset`` on.

        With ``etag``, that of a :class:`File`, content of another state is a conflict.
        """
        headers = {}
        if offset or length:
            headers["Range"] = f"bytes={offset}-{offset + length - 1 if length else ''}"
        answer = self._transport.send("GET", *self._path(path), headers=headers)
        if etag and answer.headers.get("ETag", etag) != etag:
            raise Error(f"{path} was overwritten while it was read: open it again", kind="conflict")
        return answer.content

    def chunks(self, path: str) -> Iterator[bytes]:
        """The bytes of a file as they come, for files that are too large for memory."""
        with self._transport.stream("GET", *self._path(path)) as answer:
            yield from answer.iter_bytes(CHUNK)

    def read_text(self, path: str, encoding: str = "utf-8") -> str:
        """A file as text."""
        return self.read(path).decode(encoding)

    def write(
        self,
        path: str,
        data: Union[bytes, str, IO[bytes], Iterable[bytes]],
        overwrite: bool = True,
        parents: bool = False,
    ) -> File:
        """Writes a file, whole or not at all. The directory above it must exist, or is made with ``parents``."""
        if isinstance(data, str):
            data = data.encode()
        params = {"overwrite": _flag(overwrite), "parents": _flag(parents)}
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

    def download(
        self,
        path: str,
        local: Union[str, "os.PathLike[str]", None] = None,
        on_bytes: Optional[Callable[[int], None]] = None,
    ) -> Path:
        """Copies a file of the project to a local one; without ``local`` into the working directory.

        ``on_bytes`` is told how many bytes have come.
        """
        target = Path(local) if local is not None else Path(Path(path).name)
        if target.is_dir():
            target = target / Path(path).name
        partial = target.with_name(target.name + ".partial")

        def copy() -> None:
            with self._transport.stream("GET", *self._path(path)) as answer, open(partial, "wb") as f:
                for chunk in answer.iter_bytes(CHUNK):
                    f.write(chunk)
                    if on_bytes is not None:
                        on_bytes(f.tell())

        try:
            self._transport.again(copy)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        os.replace(partial, target)
        return target

    def mkdir(self, path: str) -> File:
        """Makes a directory, and those above it."""
        return self._change(path, {"op": "mkdir"})

    def symlink(self, path: str, target: str) -> File:
        """Makes a symbolic link at ``path``.

        A ``target`` that begins with a slash is a path of the project, another begins at the link's directory.
        """
        return self._change(path, {"op": "link", "to": str(target)})

    def rename(self, path: str, to: str, overwrite: bool = False) -> File:
        """Moves a file or directory within the project; with ``overwrite`` a file may replace a file."""
        body: dict[str, Any] = {"op": "rename", "to": str(to).strip("/")}
        if overwrite:
            body["overwrite"] = True
        return self._change(path, body)

    def copy(self, path: str, to: str, overwrite: bool = True) -> File:
        """Copies a file, or a directory to where nothing is, on the server. Directories above the copy are made."""
        body = {"from": str(path).strip("/"), "to": str(to).strip("/"), "overwrite": overwrite}
        where = ("projects", self._project, "files-copy")
        return read(File, self._transport.json("POST", *where, json=body, safe=overwrite))

    def checksum(self, path: str) -> str:
        """The SHA-256 of a file's content in hexadecimal digits; the server reads it."""
        params = {"path": str(path).strip("/")}
        return str(self._transport.json("GET", "projects", self._project, "checksum", params=params)["checksum"])

    def set_attributes(
        self,
        path: str,
        *,
        mode: Optional[int] = None,
        owner: Optional[str] = None,
        group: Optional[str] = None,
        modified: Optional[datetime] = None,
    ) -> File:
        """Changes permission bits, owner, group or time of a file or directory; what is None stays."""
        time = modified.astimezone().isoformat() if modified else None
        changes = {"mode": mode, "owner": owner, "group": group, "modified": time}
        body = {name: value for name, value in changes.items() if value is not None}
        return read(File, self._transport.json("PATCH", *self._path(path), json=body, safe=True))

    def get_xattr(self, path: str, name: str) -> bytes:
        """The value of an extended attribute."""
        return self._transport.send("GET", *self._path(path, "xattrs"), params={"name": name}).content

    def set_xattr(self, path: str, name: str, value: Union[bytes, str]) -> None:
        """Makes or replaces an extended attribute of a file or directory."""
        data = value.encode() if isinstance(value, str) else value
        self._transport.send(
            "PUT", *self._path(path, "xattrs"), params={"name": name}, content=data, safe=True,
            headers={"Content-Type": "application/octet-stream"},
        )

    def remove_xattr(self, path: str, name: str) -> None:
        """Removes an extended attribute."""
        self._transport.send("DELETE", *self._path(path, "xattrs"), params={"name": name})

    def lease(self, path: str, holder: str = "") -> Writer:
        """The only writer of a file that is there: ``with files.lease(path) as log: log.append(b"...")``.

        ``holder`` is what others are told of it; nobody else may have the same one.
        """
        return Writer(self._transport, self._project, path, holder)

    def lease_of(self, path: str) -> FileLease:
        """Who writes to a file alone."""
        return read(FileLease, self._transport.json("GET", *self._path(path, "leases")))

    def recover_lease(self, path: str) -> FileLease:
        """Ends the lease of a file whose writer is gone, and says whose it was."""
        return read(FileLease, self._transport.json("POST", *self._path(path, "leases"), safe=True))

    def remove(self, path: str, recursive: bool = False, trash: bool = False) -> None:
        """Removes a file, or with ``recursive`` a directory and what is in it, for good.

        With ``trash`` either goes into the project's trash, from where it can be
        restored for a week.
        """
        params = {"recursive": _flag(recursive), "trash": _flag(trash)}
        self._transport.send("DELETE", *self._path(path), params=params, safe=True)

    def _change(self, path: str, body: dict[str, Any]) -> File:
        return read(File, self._transport.json("POST", *self._path(path), json=body))


def _flag(value: bool) -> str:
    return "true" if value else "false"
