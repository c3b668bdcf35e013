"""One file of a project as fsspec has it, and the errors that Python has for files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Optional

from fsspec.spec import AbstractBufferedFile

from .errors import Error
from .sending import Upload


class BineFile(AbstractBufferedFile):  # type: ignore[misc]
    """A file of a project: read in ranges, written whole or not at all.

    What is read is one state of the file: if it is overwritten meanwhile, the
    next range is an error. What is written goes to the server as it comes, and
    is seen when the file is closed.
    """

    def __init__(self, fs: Any, path: str, mode: str = "rb", *args: Any, **options: Any) -> None:
        self.closed = True  # until all is set; for __del__
        self._upload: Optional[Upload] = None
        project, rest = fs._inside(path)
        if mode == "ab":
            raise NotImplementedError("a file is written whole: read it, and write it with what is to be added")
        if mode == "rb":
            self._state: dict[str, Any] = fs.info(path)
            if self._state["type"] == "directory":
                raise IsADirectoryError(path)
            options.setdefault("size", self._state["size"])
        elif fs.isdir(path):
            raise IsADirectoryError(path)
        elif mode == "xb" and fs.exists(path):
            raise FileExistsError(path)
        super().__init__(fs, path, mode, *args, **options)
        self._project, self._rest = project, rest

    @property
    def details(self) -> dict[str, Any]:
        """What is known of the file."""
        return self._state

    @details.setter
    def details(self, value: dict[str, Any]) -> None:
        self._state = value

    def _fetch_range(self, start: int, end: int) -> bytes:
        if end <= start:
            return b""
        data: bytes = self.fs._read(self.path, start, end - start, self._state.get("etag", ""))
        return data

    def _upload_chunk(self, final: bool = False) -> bool:
        data = self.buffer.getvalue()
        if final and self._upload is None:
            if self.autocommit:
                self._write(data)
                return True
            self._upload = self._begin()
        if self._upload is None:
            self._upload = self._begin()
        with file_errors(self.path):
            self._upload.write(data)
            if final and self.autocommit:
                self._upload.finish()
        return True

    def _begin(self) -> Upload:
        files = self.fs.client.project(self._project).files
        return Upload(lambda content: files.write(self._rest, content, overwrite=self.mode != "xb", parents=True))

    def _write(self, data: bytes) -> None:
        """Sends a file that is small enough to be sent again if the server does not answer."""
        with file_errors(self.path):
            files = self.fs.client.project(self._project).files
            files.write(self._rest, data, overwrite=self.mode != "xb", parents=True)

    def commit(self) -> None:
        """Makes a file of a transaction seen."""
        if self._upload is not None:
            with file_errors(self.path):
                self._upload.finish()

    def discard(self) -> None:
        """Throws away what was written; the file stays as it was."""
        self.closed = self.forced = True
        if self._upload is not None:
            self._upload.abort()

    def close(self) -> None:
        """Ends writing: the file is there when this returns."""
        try:
            super().close()
        except BaseException:
            if "r" not in self.mode:
                self.discard()
            raise

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is not None and "r" not in self.mode and not self.closed:
            self.discard()
        else:
            self.close()

    def __del__(self) -> None:
        if not self.closed and "r" not in self.mode:
            self.discard()  # nobody closed it, so nobody said that it is whole


class Text(io.TextIOWrapper):
    """Text over a file that is thrown away where a ``with`` block fails."""

    def __exit__(self, kind: Any, *rest: Any) -> None:
        if kind is not None and isinstance(self.buffer, BineFile):
            self.buffer.__exit__(kind, *rest)
        else:
            self.close()


@contextmanager
def file_errors(path: str) -> Iterator[None]:
    """Raises errors of Bine as those that Python has for files."""
    try:
        yield
    except Error as e:
        raise file_error(e, path) from e


def file_error(e: Error, path: str) -> Exception:
    text = f"{path}: {e}"
    if e.kind == "not_found":
        return FileNotFoundError(text)
    if e.kind in ("forbidden", "unauthenticated"):
        return PermissionError(text)
    if e.kind == "conflict":
        if "directory" in e.message and "not empty" not in e.message:
            return IsADirectoryError(text) if "is a directory" in e.message else NotADirectoryError(text)
        return OSError(text) if "not empty" in e.message or "overwritten" in e.message else FileExistsError(text)
    if e.kind == "invalid":
        return ValueError(text)
    return OSError(text)
