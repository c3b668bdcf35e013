"""What there is to say of files and directories: limits, policies, access lists, snapshots, history, trash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Optional, Union

from .record import ACL, Change, Entry, File, Limit, Policy, Snapshot, SnapshotChange, Trashed, read
from .transport import Transport, pages


class About:
    """The part of Files that is not about content."""

    _transport: Transport
    _project: str

    def _at(self, path: str) -> dict[str, str]:
        return {"path": str(path).strip("/")}

    def _ask(self, method: str, part: str, path: str, more: Optional[Mapping[str, str]] = None, **options: Any) -> Any:
        """A request about a path, which may be sent again."""
        query = {**self._at(path), **(more or {})}
        return self._transport.json(method, "projects", self._project, part, params=query, safe=True, **options)

    # Limits, and how files are kept

    def quotas(self, path: str = "") -> list[Limit]:
        """The limits that a path counts towards, from the project's down, with what is in use."""
        return [read(Limit, one) for one in self._ask("GET", "file-quotas", path)]

    def set_quota(self, path: str, *, bytes: int = 0, names: int = 0) -> list[Limit]:
        """Limits what is below a directory: bytes of files, and how many files and directories with itself.

        0 is no limit; both 0 take the limit back. Data Owners may.
        """
        return [read(Limit, one) for one in self._ask("PUT", "file-quotas", path, json={"bytes": bytes, "names": names})]

    def policy(self, path: str = "") -> Policy:
        """How what is at a path is kept."""
        return read(Policy, self._ask("GET", "file-policy", path))

    def set_policy(self, path: str, name: str = "", *, inline: Optional[int] = None, block_size: int = 0) -> Policy:
        """Says how what is written below a directory is kept from now on: HOT, DB or BLOCKS.

        Up to ``inline`` bytes of a file lie in the database, at most 1 MiB; blocks have
        ``block_size`` bytes at most. Without a name it is as the directories above say. Data Owners may.
        """
        body: dict[str, Any] = {"name": name} if name else {}
        if inline is not None:
            body["inline"] = inline
        if block_size:
            body["block_size"] = block_size
        return read(Policy, self._ask("PUT", "file-policy", path, json=body))

    # Access lists

    def acl(self, path: str) -> ACL:
        """Who may do what with a file or directory: mode and access list."""
        return _acl(self._acl("GET", path))

    def set_acl(self, path: str, entries: "Entries") -> ACL:
        """Replaces the access list, the default list or both, as ``setfacl --set`` does.

        Entries are texts such as ``user:demo__maria:r-x``, ``default:group::rwx``, several with commas between,
        or :class:`~bine.record.Entry`. A list of which no entry is given stays.
        """
        return _acl(self._acl("PUT", path, {"entries": _entries(entries)}))

    def modify_acl(self, path: str, entries: "Entries") -> ACL:
        """Adds entries, or replaces those of the same type and name, as ``setfacl -m`` does."""
        return _acl(self._acl("PATCH", path, {"op": "modify", "entries": _entries(entries)}))

    def remove_acl(self, path: str, entries: "Optional[Entries]" = None, *, default: bool = False) -> ACL:
        """Removes entries, as ``user:demo__maria``; without any the whole list, or with ``default`` the default list."""
        if entries is not None:
            return _acl(self._acl("PATCH", path, {"op": "remove", "entries": _entries(entries)}))
        return _acl(self._acl("DELETE", path, params={"default": "true" if default else "false"}))

    def _acl(self, method: str, path: str, body: Any = None, **options: Any) -> Any:
        if body is not None:
            options["json"] = body
        where = ("projects", self._project, "acls", *str(path).strip("/").split("/"))
        return self._transport.json(method, *where, safe=True, **options)

    # Snapshots

    def allow_snapshots(self, directory: str, allowed: bool = True) -> None:
        """Says whether snapshots of a directory may be made. Data Owners may; where there are some they stay allowed."""
        self._ask("PUT" if allowed else "DELETE", "snapshot-dirs", directory)

    def snapshot(self, directory: str, name: str = "") -> Snapshot:
        """Keeps a directory as it is now, to be read below ``<directory>/.snapshot/<name>``; without a name that of the time."""
        body = {**self._at(directory), **({"name": name} if name else {})}
        return read(Snapshot, self._transport.json("POST", "projects", self._project, "snapshots", json=body))

    def snapshots(self, directory: str) -> list[Snapshot]:
        """The snapshots of a directory, the oldest first."""
        return [read(Snapshot, one) for one in self._ask("GET", "snapshots", directory)]

    def rename_snapshot(self, directory: str, name: str, to: str) -> None:
        """Gives a snapshot another name."""
        body = {**self._at(directory), "name": name, "to": to}
        self._transport.json("PATCH", "projects", self._project, "snapshots", json=body)

    def delete_snapshot(self, directory: str, name: str) -> None:
        """Removes a snapshot; what only it holds is gone."""
        query = {**self._at(directory), "name": name}
        self._transport.json("DELETE", "projects", self._project, "snapshots", params=query)

    def snapshot_diff(self, directory: str, start: str, end: str = "") -> list[SnapshotChange]:
        """What is different between two snapshots of a directory; an empty name is the directory as it is now."""
        return [read(SnapshotChange, one) for one in self._ask("GET", "snapshots-diff", directory, {"from": start, "to": end})]

    # History, links, trash

    def history(self, path: str = "") -> Iterator[Change]:
        """What has become of a path, and of what is below it, in the last week: the latest first."""
        for one in pages(self._transport, "projects", self._project, "changes", params=self._at(path)):
            yield read(Change, {**one, "origin": one.get("from")})

    def readlink(self, path: str) -> str:
        """Where a symbolic link leads to; empty for what is none."""
        return read(File, self._ask("GET", "stat", path, {"link": "true"})).link

    def trash(self) -> Iterator[Trashed]:
        """What was removed and can be restored, the last first."""
        for one in pages(self._transport, "projects", self._project, "trash"):
            yield read(Trashed, one)

    def restore(self, number: int, to: str = "") -> File:
        """Restores something from the trash to where it was, or to another path."""
        body = {"to": str(to).strip("/")} if to else {}
        return read(File, self._transport.json("POST", "projects", self._project, "trash", str(number), json=body))

    def discard(self, number: int) -> None:
        """Removes something in the trash for good."""
        self._transport.send("DELETE", "projects", self._project, "trash", str(number))


Entries = Union[str, Iterable[Union[str, Entry]]]


def _acl(found: Mapping[str, Any]) -> ACL:
    return read(ACL, {**found, "entries": [read(Entry, one) for one in found.get("entries") or ()]})


def _entries(entries: Entries) -> list[dict[str, Any]]:
    given = entries.split(",") if isinstance(entries, str) else entries
    parsed = [one if isinstance(one, Entry) else Entry.parse(one) for one in given]
    return [{name: value for name, value in vars(one).items() if value} for one in parsed]
