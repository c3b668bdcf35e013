"""The files of projects as a file system of fsspec: ``bine://<project>/<path>``.

pandas, pyarrow, DuckDB, dask and whatever else takes fsspec's file systems
read and write files of the platform through it::

    import pandas

    frame = pandas.read_parquet("bine://demo/Resources/flights.parquet")

fsspec finds the protocol by itself where the package is installed with
``pip install 'bine[fsspec]'``; elsewhere importing this module registers it.
Server and key are those that :func:`bine.login` finds; ``storage_options``
with ``api`` and ``key`` name others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from glob import has_magic
from typing import IO, Any, Optional, Union

from .client import Client, login
from .errors import Error
from .record import File

try:
    import fsspec
    from fsspec.callbacks import DEFAULT_CALLBACK
    from fsspec.spec import AbstractFileSystem
    from fsspec.utils import isfilelike, tokenize

    from .fs_file import BineFile, Text, file_errors
except ImportError:
    raise Error(
        "bine:// needs fsspec, which is not installed: pip install 'bine[fsspec]', or pip install fsspec",
        kind="unavailable",
    ) from None

PARALLEL = 8  # ranges that are read at once
CHUNK = 1 << 20


class BineFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """The files of all projects that the identity sees; the first part of a path is the project.

    ``api`` is the address of the server; it, ``key`` and ``patience`` are what
    :func:`bine.login` takes, and come from the same places if they are not given. A file is written whole or not
    at all: nobody sees it before it is closed, and it stays as it was if
    writing fails. Directories above it are made. Nothing is cached.
    """

    protocol = "bine"
    root_marker = ""

    def __init__(
        self,
        api: Optional[str] = None,
        key: Optional[str] = None,
        patience: float = 120.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._login = (api, key, patience)
        self._client: Optional[Client] = None
        self._owner = 0

    @property
    def client(self) -> Client:
        """The client that requests go through: one for each process, because connections outlive no fork."""
        if self._client is None or self._owner != os.getpid():
            api, key, patience = self._login
            self._client, self._owner = login(api, key, patience=patience), os.getpid()
        return self._client

    # Paths

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(p) for p in path]
        path = os.fspath(path)
        return (path[len("bine://") :] if path.startswith("bine://") else path).strip("/")

    def _split(self, path: str) -> tuple[str, str]:
        """The project and the path within it."""
        project, _, rest = self._strip_protocol(path).partition("/")
        return project, rest

    def _inside(self, path: str) -> tuple[str, str]:
        """Like _split, for what acts on a file or directory of a project."""
        project, rest = self._split(path)
        if not rest:
            raise PermissionError(f"{path!r} is no file of a project: write it like bine://<project>/<path>")
        return project, rest

    # Looking

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """What is in a directory, or the file at path."""
        project, rest = self._split(path)
        with file_errors(path):
            if not project:
                found = [_directory(name) for name in self.client.projects()]
            else:
                found = self._list(project, rest)
        return found if detail else sorted(one["name"] for one in found)

    def _list(self, project: str, rest: str) -> list[dict[str, Any]]:
        files = self.client.project(project).files
        try:
            return [_info(project, self._led(files, f)) for f in files.list(rest)]
        except Error as e:
            if e.kind != "conflict" or not rest:
                raise
            return [_info(project, files.stat(rest))]  # a file

    @staticmethod
    def _led(files: Any, f: File) -> File:
        """A symbolic link with the size of the file that it leads to, if it leads to one."""
        if not f.link:
            return f
        try:
            to = files.stat(f.path)
        except Error as e:
            if e.kind not in ("not_found", "conflict", "forbidden"):
                raise
            return f
        return f if to.dir else replace(f, size=to.size, etag=to.etag, modified=to.modified)

    def find(
        self, path: str, maxdepth: Optional[int] = None, withdirs: bool = False, detail: bool = False, **options: Any
    ) -> Any:
        """Everything below path. A symbolic link to a file is taken for that; others are left out."""
        found = super().find(path, maxdepth=maxdepth, withdirs=withdirs, detail=True, **options)
        kept = {name: one for name, one in found.items() if one["type"] != "link"}
        return kept if detail else list(kept)

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """What is at path: name, size, type, mode, owner, group, created, modified, etag and attrs."""
        project, rest = self._split(path)
        if not project:
            return _directory("")
        with file_errors(path):
            return _info(project, self.client.project(project).files.stat(rest))

    def exists(self, path: str, **_: Any) -> bool:
        """Whether something is at path. A server that does not answer is an error, not a no."""
        try:
            self.info(path)
        except FileNotFoundError:
            return False
        except ValueError:  # no path that could be there
            return False
        return True

    def created(self, path: str) -> datetime:
        """When the file or directory was made."""
        return _time(self.info(path)["created"])

    def modified(self, path: str) -> datetime:
        """When the content was changed last."""
        return _time(self.info(path)["modified"])

    def ukey(self, path: str) -> str:
        """A text that changes with the content."""
        info = self.info(path)
        return str(tokenize(info["name"], info["etag"] or info["modified"]))

    def checksum(self, path: str) -> int:
        """A number that changes with the content; :meth:`sha256` is the checksum of the bytes."""
        return int(self.ukey(path), 16)

    def sha256(self, path: str) -> str:
        """The SHA-256 of the content, in hexadecimal digits; the server reads it."""
        project, rest = self._inside(path)
        with file_errors(path):
            return self.client.project(project).files.checksum(rest)

    # Reading

    def cat_file(self, path: str, start: Optional[int] = None, end: Optional[int] = None, **_: Any) -> bytes:
        """The bytes of a file, or those from start to before end; negative ones count from its end."""
        if start is None and end is None:
            return self._read(path, 0, 0)
        first, last = start or 0, end
        if first < 0 or (last is not None and last < 0):
            size = self.info(path)["size"]
            first = max(size + first, 0) if first < 0 else first
            last = size + last if last is not None and last < 0 else last
        if last is not None and last <= first:
            return b""
        return self._read(path, first, 0 if last is None else last - first)

    def cat_ranges(
        self,
        paths: Sequence[str],
        starts: Union[int, Sequence[int], None],
        ends: Union[int, Sequence[int], None],
        max_gap: Optional[int] = None,
        on_error: str = "return",
        **options: Any,
    ) -> list[Any]:
        """The bytes of several ranges, read at once."""
        if max_gap is not None:
            raise NotImplementedError("max_gap: ranges are read one by one")
        if not isinstance(paths, list):
            raise TypeError("paths is a list")
        first = starts if isinstance(starts, (list, tuple)) else [starts] * len(paths)
        last = ends if isinstance(ends, (list, tuple)) else [ends] * len(paths)
        if len(first) != len(paths) or len(last) != len(paths):
            raise ValueError("paths, starts and ends have different lengths")

        def one(path: str, start: Optional[int], end: Optional[int]) -> Any:
            try:
                return self.cat_file(path, start, end, **options)
            except Exception as e:
                if on_error == "return":
                    return e
                raise

        with ThreadPoolExecutor(PARALLEL) as pool:
            return list(pool.map(one, paths, first, last))

    def _read(self, path: str, offset: int, length: int, etag: str = "") -> bytes:
        """A part of a file; length 0 is to its end. One behind the end is empty."""
        project, rest = self._inside(path)
        with file_errors(path):
            try:
                return self.client.project(project).files.read(rest, offset, length, etag=etag)
            except Error as e:
                if e.kind == "invalid" and offset > 0 and offset >= self.info(path)["size"]:
                    return b""
                raise

    def get_file(
        self, rpath: str, lpath: Any = None, callback: Any = DEFAULT_CALLBACK, outfile: Any = None, **_: Any
    ) -> None:
        """Copies a file to a local one, which is there when all of it has come."""
        if outfile is None and isfilelike(lpath):
            outfile = lpath
        project, rest = self._split(rpath)
        info = self.info(rpath)
        if info["type"] == "directory":
            if outfile is None:
                os.makedirs(lpath, exist_ok=True)
            return
        callback.set_size(info["size"])
        files = self.client.project(project).files
        with file_errors(rpath):
            if outfile is not None:
                for chunk in files.chunks(rest):
                    outfile.write(chunk)
                    callback.relative_update(len(chunk))
                return
            parent = os.path.dirname(os.path.abspath(lpath))
            os.makedirs(parent, exist_ok=True)
            files.download(rest, lpath, on_bytes=callback.absolute_update)

    # Writing

    def open(self, path: str, mode: str = "rb", *args: Any, **options: Any) -> Any:
        """Opens a file: ``rb``, ``wb``, ``xb``, and the same as text.

        Left by an exception, a ``with`` block leaves the file as it was.
        """
        if "b" in mode or options.get("compression") is not None:
            return super().open(path, mode, *args, **options)
        text = {name: options.pop(name) for name in ("encoding", "errors", "newline") if name in options}
        return Text(super().open(path, mode.replace("t", "") + "b", *args, **options), **text)

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: Optional[int] = None,
        autocommit: bool = True,
        cache_options: Optional[dict[str, Any]] = None,
        **options: Any,
    ) -> "BineFile":
        return BineFile(self, path, mode, block_size, autocommit, cache_options=cache_options, **options)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        """Writes a file."""
        project, rest = self._inside(path)
        with file_errors(path):
            self.client.project(project).files.write(rest, bytes(value), overwrite=mode != "create", parents=True)

    def put_file(
        self, lpath: str, rpath: str, callback: Any = DEFAULT_CALLBACK, mode: str = "overwrite", **_: Any
    ) -> None:
        """Copies a local file into a project."""
        if os.path.isdir(lpath):
            self.makedirs(rpath, exist_ok=True)
            return
        project, rest = self._inside(rpath)
        with open(lpath, "rb") as source, file_errors(rpath):
            callback.set_size(os.fstat(source.fileno()).st_size)
            told = _Told(source, callback)
            self.client.project(project).files.write(rest, told, overwrite=mode != "create", parents=True)

    def touch(self, path: str, truncate: bool = True, **_: Any) -> None:
        """Makes an empty file, or without truncate gives one that is there the time of now."""
        if truncate or not self.exists(path):
            self.pipe_file(path, b"")
            return
        project, rest = self._inside(path)
        with file_errors(path):
            self.client.project(project).files.set_attributes(rest, modified=datetime.now().astimezone())

    # Directories, moving, removing

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Makes a directory. One that is there already is an error."""
        project, rest = self._split(path)
        if self.exists(path):
            raise FileExistsError(path)
        if not rest:
            raise PermissionError(f"{path!r} would be a project: make it with create_project of the client")
        parent = rest.rpartition("/")[0]
        if not create_parents and parent and not self.isdir(f"{project}/{parent}"):
            raise FileNotFoundError(f"{project}/{parent}")
        with file_errors(path):
            self.client.project(project).files.mkdir(rest)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Makes a directory and those above it."""
        project, rest = self._split(path)
        if not exist_ok or not rest:
            if self.isdir(path) and exist_ok:
                return
            self.mkdir(path)
            return
        with file_errors(path):
            self.client.project(project).files.mkdir(rest)  # none, where it is there

    def rmdir(self, path: str) -> None:
        """Removes an empty directory."""
        if not self.isdir(path):
            if self.exists(path):
                raise NotADirectoryError(path)
            raise FileNotFoundError(path)
        self._remove(path, recursive=False)

    def rm_file(self, path: str) -> None:
        """Removes a file."""
        if self.info(path)["type"] == "directory":
            raise IsADirectoryError(path)
        self._remove(path, recursive=False)

    _rm = rm_file

    def rm(self, path: Union[str, list[str]], recursive: bool = False, maxdepth: Optional[int] = None) -> None:
        """Removes files and, with recursive, directories, each of them in one step."""
        if maxdepth is not None:
            for one in reversed(self.expand_path(path, recursive=recursive, maxdepth=maxdepth)):
                self._remove(one, recursive=False)
            return
        top = ""
        for one in self.expand_path(path):
            if top and one.startswith(top + "/"):
                continue  # gone with what is above it
            if not recursive and self.isdir(one):
                raise IsADirectoryError(f"{one} is a directory: remove it with recursive=True")
            self._remove(one, recursive)
            top = one

    def _remove(self, path: str, recursive: bool) -> None:
        project, rest = self._inside(path)
        with file_errors(path):
            self.client.project(project).files.remove(rest, recursive=recursive)

    def cp_file(self, path1: str, path2: str, **_: Any) -> None:
        """Copies a file; within a project its bytes stay on the server."""
        if self.info(path1)["type"] == "directory":
            self.makedirs(path2, exist_ok=True)
            return
        (project1, rest1), (project2, rest2) = self._inside(path1), self._inside(path2)
        if (project1, rest1) == (project2, rest2):
            return
        with file_errors(path1):
            if project1 == project2:
                self.client.project(project1).files.copy(rest1, rest2)
            else:
                content = self.client.project(project1).files.chunks(rest1)
                self.client.project(project2).files.write(rest2, content, parents=True)

    def mv(
        self, path1: Any, path2: Any, recursive: bool = False, maxdepth: Optional[int] = None, **options: Any
    ) -> None:
        """Moves a file or directory: within a project in one step, else by copying and removing."""
        plain = isinstance(path1, (str, os.PathLike)) and isinstance(path2, (str, os.PathLike)) and maxdepth is None
        if not plain or has_magic(os.fspath(path1)):
            super().mv(path1, path2, recursive=recursive, maxdepth=maxdepth, **options)
            return
        (project1, rest1), (project2, rest2) = self._inside(path1), self._split(path2)
        if os.fspath(path2).endswith("/") or self.isdir(path2):
            rest2 = f"{rest2}/{rest1.rpartition('/')[2]}".strip("/")
        if project1 != project2:
            super().mv(path1, f"{project2}/{rest2}", recursive=recursive, **options)
            return
        if rest1 == rest2:
            return
        files = self.client.project(project1).files
        with file_errors(path1):
            parent = rest2.rpartition("/")[0]
            if parent:
                files.mkdir(parent)
            files.rename(rest1, rest2, overwrite=True)

    def sign(self, path: str, expiration: int = 100, **_: Any) -> str:
        """Not there: whoever reads a file does so as somebody."""
        raise NotImplementedError("files of Bine have no signed addresses: give whoever reads them a key of their own")


class _Told:
    """A local file whose bytes are told of as they are read."""

    def __init__(self, source: IO[bytes], callback: Any) -> None:
        self._source = source
        self._callback = callback

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self._source.read(CHUNK):
            yield chunk
            self._callback.relative_update(len(chunk))


def _directory(name: str) -> dict[str, Any]:
    return {"name": name, "size": 0, "type": "directory", "etag": "", "created": "", "modified": ""}


def _info(project: str, f: File) -> dict[str, Any]:
    """What fsspec wants to know of a file."""
    return {
        "name": f"{project}/{f.path}".strip("/"),
        "size": f.size,
        "type": "directory" if f.dir else "link" if f.link and not f.etag else "file",
        "mode": f.mode,
        "owner": f.owner,
        "group": f.group,
        "created": f.created,
        "modified": f.modified,
        "etag": f.etag,
        "attrs": dict(f.attrs),
    }


def _time(text: str) -> datetime:
    """A time of the wire, which may have more digits than old Pythons read."""
    head, dot, tail = text.replace("Z", "+00:00").partition(".")
    if dot:
        digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
        head += "." + digits[:6].ljust(6, "0") + tail[len(digits) :]
    return datetime.fromisoformat(head)


fsspec.register_implementation("bine", BineFileSystem, clobber=True)
