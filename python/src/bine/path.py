"""Files of a project as paths, used as those of pathlib are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Union

from .errors import Error
from .record import File

if TYPE_CHECKING:
    from .file import Files


class FilePath:
    """A path of a project's files, whether something is there or not: ``project.path("Resources") / "a.csv"``.

    Names and parts are as those of :class:`pathlib.PurePosixPath`. Errors are :class:`bine.Error`.
    """

    __slots__ = ("_files", "_pure")

    def __init__(self, files: "Files", path: Union[str, "os.PathLike[str]"] = "") -> None:
        self._files = files
        self._pure = PurePosixPath(str(path).strip("/"))

    def _with(self, pure: PurePosixPath) -> "FilePath":
        return FilePath(self._files, "" if str(pure) == "." else str(pure))

    def __truediv__(self, name: Union[str, "os.PathLike[str]"]) -> "FilePath":
        return self._with(self._pure / str(name).strip("/"))

    def joinpath(self, *names: "Union[str, os.PathLike[str]]") -> "FilePath":
        """The path below it."""
        found = self
        for name in names:
            found = found / name
        return found

    def __str__(self) -> str:
        return "" if str(self._pure) == "." else str(self._pure)

    def __repr__(self) -> str:
        return f"FilePath({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FilePath):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> "tuple[str, str, str]":
        return (*self._files.where, str(self))

    @property
    def name(self) -> str:
        """The last part."""
        return self._pure.name

    @property
    def stem(self) -> str:
        """The name without its suffix."""
        return self._pure.stem

    @property
    def suffix(self) -> str:
        """The ending of the name, with its dot."""
        return self._pure.suffix

    @property
    def parts(self) -> "tuple[str, ...]":
        """The names from the project's directory down."""
        return self._pure.parts

    @property
    def parent(self) -> "FilePath":
        """The directory that it is in."""
        return self._with(self._pure.parent)

    def with_name(self, name: str) -> "FilePath":
        """The path beside it with another name."""
        return self._with(self._pure.with_name(name))

    def with_suffix(self, suffix: str) -> "FilePath":
        """The path beside it with another ending."""
        return self._with(self._pure.with_suffix(suffix))

    def stat(self) -> File:
        """What is there: size, mode, owner, times …"""
        return self._files.stat(str(self)) if str(self) else File(dir=True)

    def exists(self) -> bool:
        """Whether something is there."""
        return self._look() is not None

    def is_file(self) -> bool:
        """Whether a file is there."""
        found = self._look()
        return found is not None and not found.dir

    def is_dir(self) -> bool:
        """Whether a directory is there."""
        found = self._look()
        return found is not None and found.dir

    def _look(self) -> "File | None":
        try:
            return self.stat()
        except Error as e:
            if e.kind == "not_found":
                return None
            raise

    def iterdir(self) -> "Iterator[FilePath]":
        """What is in the directory, by name."""
        for one in self._files.list(str(self)):
            yield self / one.name

    def glob(self, pattern: str) -> "Iterator[FilePath]":
        """What is below that fits a pattern such as ``*.csv`` or ``**/part-*``; links are not followed."""
        parts = PurePosixPath(pattern).parts
        if not parts or PurePosixPath(pattern).is_absolute():
            raise ValueError(f"{pattern!r} is no relative pattern")
        seen: "set[str]" = set()
        for found in self._glob(parts):
            if str(found) not in seen:
                seen.add(str(found))
                yield found

    def _glob(self, parts: "tuple[str, ...]") -> "Iterator[FilePath]":
        first, rest = parts[0], parts[1:]
        for one in self._files.list(str(self)):
            at = self / one.name
            if first == "**":
                if one.dir:
                    yield from at._glob(parts)
                fits = fnmatchcase(one.name, rest[0]) if rest else one.dir
                left = rest[1:]
            else:
                fits, left = fnmatchcase(one.name, first), rest
            if fits and not left:
                yield at
            elif fits and one.dir:
                yield from at._glob(left)

    def read_bytes(self) -> bytes:
        """The bytes of the file."""
        return self._files.read(str(self))

    def read_text(self, encoding: str = "utf-8") -> str:
        """The file as text."""
        return self._files.read_text(str(self), encoding)

    def write_bytes(self, data: bytes) -> int:
        """Writes the file, whole or not at all, over what is there; gives the number of bytes."""
        return self._files.write(str(self), data).size

    def write_text(self, text: str, encoding: str = "utf-8") -> int:
        """Writes the file as text; gives the number of bytes."""
        return self.write_bytes(text.encode(encoding))

    def mkdir(self) -> "FilePath":
        """Makes the directory, and those above it; gives the path."""
        self._files.mkdir(str(self))
        return self

    def rename(self, to: "Union[str, FilePath]") -> "FilePath":
        """Moves what is there to a path of the project where nothing is; gives the new path."""
        self._files.rename(str(self), str(to))
        return FilePath(self._files, str(to))

    def replace(self, to: "Union[str, FilePath]") -> "FilePath":
        """Moves a file over what is at another path; gives the new path."""
        self._files.rename(str(self), str(to), overwrite=True)
        return FilePath(self._files, str(to))

    def symlink_to(self, target: "Union[str, FilePath]") -> None:
        """Makes a symbolic link here; a FilePath leads from the project's directory, a text as it is written."""
        self._files.symlink(str(self), f"/{target}" if isinstance(target, FilePath) else target)

    def readlink(self) -> str:
        """Where the symbolic link leads to."""
        return self._files.readlink(str(self))

    def unlink(self, missing_ok: bool = False) -> None:
        """Removes the file for good."""
        try:
            self._files.remove(str(self))
        except Error as e:
            if e.kind != "not_found" or not missing_ok:
                raise

    def rmdir(self) -> None:
        """Removes the empty directory."""
        self._files.remove(str(self))

    def chmod(self, mode: int) -> None:
        """Sets the permission bits."""
        self._files.set_attributes(str(self), mode=mode)
