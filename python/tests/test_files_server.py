"""What there is to say of files, against a real server: see test_server.py for what says where it is.

BINE_TEST_LAKE names a directory of the server's host that a connector may lead to.
"""

from __future__ import annotations

import os
import uuid

import pytest

import bine

API, KEY, LAKE = os.environ.get("BINE_TEST_API", ""), os.environ.get("BINE_TEST_KEY", ""), os.environ.get("BINE_TEST_LAKE", "")

pytestmark = pytest.mark.skipif(not API, reason="BINE_TEST_API is not set")


@pytest.fixture(scope="module")
def client():
    with bine.login(API, KEY) as client:
        yield client


def make(client):
    name = f"py{uuid.uuid4().hex[:8]}"
    client.create_project(name)
    return client.project(name).wait()


@pytest.fixture(scope="module")
def project(client):
    return make(client)


@pytest.fixture
def directory(project):
    """A directory of the test's own."""
    return project.files.path("Resources").joinpath(uuid.uuid4().hex[:8]).mkdir()


def test_a_quota_counts_and_refuses(project, directory):
    files, at = project.files, str(directory)
    files.set_quota(at, bytes=100, names=10)
    files.write(f"{at}/a", b"x" * 60)
    (limit,) = [one for one in files.quotas(at) if one.path == at]
    assert (limit.quota, limit.bytes, limit.names) == ({"bytes": 100, "names": 10}, 60, 2)
    with pytest.raises(bine.Error) as caught:
        files.write(f"{at}/b", b"x" * 60)
    assert caught.value.kind == "no_quota"
    assert [one for one in files.set_quota(at) if one.path == at] == []
    files.write(f"{at}/b", b"x" * 60)


def test_a_policy_is_inherited(project, directory):
    files = project.files
    assert files.policy(str(directory)).installed
    set_to = files.set_policy(str(directory), "DB", inline=128 << 10, block_size=16 << 20)
    assert (set_to.name, set_to.inline, set_to.block_size, set_to.path) == ("DB", 128 << 10, 16 << 20, str(directory))
    assert files.policy(str((directory / "below").mkdir())).path == str(directory)
    assert files.set_policy(str(directory)).installed


def test_an_access_list_is_set_changed_and_removed(project, directory):
    files, at = project.files, str(directory)
    owners = f"{project.name}__data_owner"
    listed = files.modify_acl(at, f"group:{owners}:rwx,default:group:{owners}:r-x")
    assert {str(e) for e in listed.entries} >= {f"group:{owners}:rwx", f"default:group:{owners}:r-x"}
    assert files.acl(at) == listed
    listed = files.remove_acl(at, [f"group:{owners}"])
    assert f"group:{owners}:rwx" not in map(str, listed.entries)
    listed = files.remove_acl(at, default=True)
    assert not any(e.default for e in listed.entries)
    listed = files.set_acl(at, ["user::rwx", "group::r-x", "other::---"])
    assert [str(e) for e in listed.entries] == ["user::rwx", "group::r-x", "other::---"]
    assert files.remove_acl(at).mode & 0o777 == 0o750
    with pytest.raises(bine.Error, match="no entry of an access list"):
        files.modify_acl(at, "maria may read")


def test_snapshots_are_made_compared_and_read(project, directory):
    files, at = project.files, str(directory)
    files.write(f"{at}/old", "before")
    files.allow_snapshots(at)
    made = files.snapshot(at, "one")
    files.rename(f"{at}/old", f"{at}/moved")
    files.write(f"{at}/new", "after")
    found = {(c.kind, c.path, c.target) for c in files.snapshot_diff(at, "one")}
    assert found >= {("renamed", "old", "moved"), ("created", "new", "")}
    assert files.read_text(f"{made.path}/old") == "before"
    files.rename_snapshot(at, "one", "two")
    assert [s.name for s in files.snapshots(at)] == ["two"]
    files.delete_snapshot(at, "two")
    files.allow_snapshots(at, False)
    with pytest.raises(bine.Error):
        files.snapshot(at)


def test_history_links_and_trash(project, directory):
    files, at = project.files, str(directory)
    files.write(f"{at}/a", "a")
    files.rename(f"{at}/a", f"{at}/b")
    ops = [(c.op, c.path, c.origin) for c in files.history(at)]
    assert ops[0] == ("renamed", f"{at}/b", f"{at}/a") and ("created", f"{at}/a", "") in ops
    files.symlink(f"{at}/link", "b")
    assert (files.readlink(f"{at}/link"), files.readlink(f"{at}/b")) == ("b", "")
    files.remove(f"{at}/b", trash=True)
    number = next(t.number for t in files.trash() if t.path == f"{at}/b")
    assert files.restore(number, f"{at}/c").path == f"{at}/c"
    files.remove(f"{at}/c", trash=True)
    number = next(t.number for t in files.trash() if t.path == f"{at}/c")
    files.discard(number)
    assert not any(t.number == number for t in files.trash())


def test_paths_are_as_those_of_pathlib(project, directory):
    text = directory / "notes" / "a.txt"
    assert not text.exists() and not text.parent.is_dir()
    text.parent.mkdir()
    assert text.write_text("grüß\n") == 7 and text.read_text() == "grüß\n"
    assert text.is_file() and not text.is_dir() and (text.name, text.stem, text.suffix) == ("a.txt", "a", ".txt")
    (directory / "b.txt").write_bytes(b"b")
    assert [str(p) for p in directory.iterdir()] == [f"{directory}/b.txt", f"{directory}/notes"]
    assert [p.name for p in directory.glob("*.txt")] == ["b.txt"]
    assert sorted(p.name for p in directory.glob("**/*.txt")) == ["a.txt", "b.txt"]
    assert [p.name for p in directory.glob("**")] == ["notes"]
    moved = text.rename(text.with_name("c.txt"))
    assert moved == directory / "notes/c.txt" and not text.exists() and len({moved, directory / "notes" / "c.txt"}) == 1
    moved.replace(directory / "b.txt")
    assert (directory / "b.txt").read_text() == "grüß\n"
    (directory / "link").symlink_to(directory / "b.txt")
    assert (directory / "link").readlink() == f"/{directory}/b.txt"
    (directory / "b.txt").chmod(0o600)
    assert (directory / "b.txt").stat().mode & 0o777 == 0o600
    (directory / "b.txt").unlink()
    (directory / "b.txt").unlink(missing_ok=True)
    (directory / "notes").rmdir()
    with pytest.raises(bine.Error, match="no such"):
        text.read_bytes()
    assert project.files.path().is_dir() and str(directory.parent.parent) == ""


def test_datasets_are_offered_wanted_and_left(client, project):
    other = make(client)
    other.files.mkdir("stations")
    other.files.write("stations/a.csv", "a\n")
    name = f"{other.name}::stations"
    assert project.datasets.want(name).access == ""
    assert other.datasets.offer("stations", project.name).access == "read"
    assert project.files.read_text(f"{name}/a.csv") == "a\n"
    assert [s.dataset for s in project.datasets.list() if s.owner == other.name] == ["stations"]
    other.datasets.offer("stations", "*")
    assert other.name in {s.owner for s in client.public_datasets()}
    other.datasets.withdraw("stations", "*")
    project.datasets.leave(name)
    other.datasets.withdraw("stations", project.name)
    assert not [s for s in project.datasets.list() if s.owner == other.name]
    with pytest.raises(bine.Error, match="no dataset of another project"):
        project.datasets.want("stations")


@pytest.mark.skipif(not LAKE, reason="BINE_TEST_LAKE is not set")
def test_files_go_through_a_connector(client, project):
    with open(os.path.join(LAKE, "in.csv"), "w") as f:
        f.write("a,b\n")
    body = {"kind": "directory", "root": LAKE, "access": "owners"}
    client.transport.json("PUT", "projects", project.name, "connectors", "sea", json=body)
    assert [c.name for c in project.lakes.connectors()] == ["sea"]
    fetched = project.lakes.fetch("sea", "Resources/lake", "in.csv").wait(60)
    assert (fetched.record.copied, project.files.read_text("Resources/lake/in.csv")) == (1, "a,b\n")
    given = project.lakes.give("Resources/lake", "sea", "out").wait(60)
    assert [t.id for t in project.lakes.transfers()] == [given.id, fetched.id]
    with open(os.path.join(LAKE, "out", "in.csv")) as f:
        assert f.read() == "a,b\n"
    broken = project.lakes.fetch("sea", "Resources/lake", "nothing")
    with pytest.raises(bine.Error, match="failed"):
        broken.wait(60)
    assert broken.faults() == []
