"""The file system bine:// against a real server; see test_server.py for how one is named.

fsspec's own suites for file systems come first, then what pandas, pyarrow and
DuckDB do with it; those that are not installed are left out.
"""

from __future__ import annotations

import os
import threading
import time
import uuid

import pytest

import bine

fsspec = pytest.importorskip("fsspec")

from fsspec.tests import abstract  # noqa: E402

from bine.fs import BineFileSystem  # noqa: E402

API, KEY = os.environ.get("BINE_TEST_API", ""), os.environ.get("BINE_TEST_KEY", "")
pytestmark = pytest.mark.skipif(not API, reason="BINE_TEST_API is not set")
OPTIONS = {"api": API, "key": KEY}


@pytest.fixture(scope="session")
def projects():
    """Names of two projects that are ready."""
    with bine.login(API, KEY) as client:
        names = [os.environ.get(v) or f"fs{uuid.uuid4().hex[:8]}" for v in ("BINE_TEST_PROJECT", "BINE_TEST_PROJECT_2")]
        for name in names:
            if name not in client.projects():
                client.create_project(name)
        for name in names:
            client.project(name).wait()
        yield names


@pytest.fixture
def fs():
    return BineFileSystem(**OPTIONS)


@pytest.fixture
def top(projects, fs):
    """A new directory."""
    path = f"{projects[0]}/Resources/{uuid.uuid4().hex[:8]}"
    fs.mkdir(path)
    yield path
    fs.rm(path, recursive=True)


class Fixtures(abstract.AbstractFixtures):
    @pytest.fixture
    def fs(self):
        return BineFileSystem(**OPTIONS)

    @pytest.fixture
    def fs_path(self, top):
        return top

    @pytest.fixture
    def fs_join(self):
        return lambda *parts: "/".join(p.rstrip("/") if i < len(parts) - 1 else p for i, p in enumerate(parts))


class TestCopy(abstract.AbstractCopyTests, Fixtures):
    pass


class TestGet(abstract.AbstractGetTests, Fixtures):
    pass


class TestPut(abstract.AbstractPutTests, Fixtures):
    pass


class TestOpen(abstract.AbstractOpenTests, Fixtures):
    pass


class TestPipe(abstract.AbstractPipeTests, Fixtures):
    pass


def test_the_protocol_is_known(top):
    path = f"bine://{top}/a.txt"
    with fsspec.open(path, "w", **OPTIONS) as f:
        f.write("hello\n")
    with fsspec.open(path, **OPTIONS) as f:
        assert f.read() == b"hello\n"
    found, inside = fsspec.core.url_to_fs(path, **OPTIONS)
    assert isinstance(found, BineFileSystem) and inside == f"{top}/a.txt"
    assert found.unstrip_protocol(inside) == path


def test_what_is_there(fs, top, projects):
    fs.pipe(f"{top}/a.txt", b"12345")
    info = fs.info(f"bine://{top}/a.txt")
    assert (info["name"], info["size"], info["type"]) == (f"{top}/a.txt", 5, "file")
    assert fs.info(top)["type"] == "directory" and fs.isdir(top) and fs.isfile(f"{top}/a.txt")
    assert set(projects) <= set(fs.ls("bine://", detail=False))
    assert f"{projects[0]}/Resources" in fs.ls(projects[0], detail=False)
    assert fs.ls(f"{top}/a.txt", detail=False) == [f"{top}/a.txt"]
    assert abs(fs.created(f"{top}/a.txt").timestamp() - time.time()) < 60
    assert fs.modified(f"{top}/a.txt") >= fs.created(f"{top}/a.txt")
    assert fs.sha256(f"{top}/a.txt") == "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5"
    before = fs.checksum(f"{top}/a.txt")
    assert before == fs.checksum(f"{top}/a.txt")
    fs.pipe(f"{top}/a.txt", b"54321")
    assert fs.checksum(f"{top}/a.txt") != before


def test_what_is_not_there_and_what_may_not_be(fs, top, projects):
    for call in (fs.info, fs.ls, fs.cat_file, fs.open, fs.rm, fs.rm_file, fs.rmdir, fs.created, fs.checksum):
        with pytest.raises(FileNotFoundError):
            call(f"{top}/nothing")
    assert not fs.exists(f"{top}/nothing") and not fs.exists("no-such-project/x")
    with pytest.raises(FileExistsError):
        fs.mkdir(top)
    with pytest.raises(FileExistsError):
        fs.makedirs(top)
    fs.makedirs(top, exist_ok=True)
    with pytest.raises(IsADirectoryError):
        fs.open(top)
    with pytest.raises(IsADirectoryError):
        fs.open(top, "wb")
    with pytest.raises(IsADirectoryError):
        fs.rm(top)
    with pytest.raises(PermissionError):
        fs.rm(projects[0], recursive=True)
    with pytest.raises(PermissionError):
        fs.pipe(f"{projects[0]}/.artifacts/x", b"x")
    with pytest.raises(NotImplementedError):
        fs.open(f"{top}/a", "ab")
    with pytest.raises(NotImplementedError):
        fs.sign(f"{top}/a")
    fs.pipe(f"{top}/full/x", b"x")
    with pytest.raises(OSError):
        fs.rmdir(f"{top}/full")
    with pytest.raises(PermissionError):
        BineFileSystem(api=API, key="bine_no_key").ls(top)


def test_ranges(fs, top):
    fs.pipe(f"{top}/ten", b"0123456789")
    assert fs.cat_file(f"{top}/ten", 2, 5) == b"234"
    assert fs.cat_file(f"{top}/ten", -3) == b"789"
    assert fs.cat_file(f"{top}/ten", 2, -2) == b"234567"
    assert fs.cat_file(f"{top}/ten", 8, 99) == b"89"
    assert fs.cat_file(f"{top}/ten", 10, 12) == b"" and fs.cat_file(f"{top}/ten", 5, 5) == b""
    paths = [f"{top}/ten"] * 3 + [f"{top}/nothing"]
    got = fs.cat_ranges(paths, [0, 4, 9, 0], [2, 6, 10, 1])
    assert got[:3] == [b"01", b"45", b"9"] and isinstance(got[3], FileNotFoundError)
    with pytest.raises(FileNotFoundError):
        fs.cat_ranges(paths, [0, 4, 9, 0], [2, 6, 10, 1], on_error="raise")
    with fs.open(f"{top}/ten", block_size=4) as f:
        assert (f.read(3), f.seek(7), f.read(), f.read()) == (b"012", 7, b"789", b"")
        f.seek(-9, 2)
        assert f.readline() == b"123456789"
    fs.pipe(f"{top}/empty", b"")
    assert fs.cat(f"{top}/empty") == b"" and fs.open(f"{top}/empty").read() == b""


def test_a_file_that_is_overwritten_is_not_read_half_and_half(fs, top):
    fs.pipe(f"{top}/a", b"0123456789")
    with fs.open(f"{top}/a", block_size=2, cache_type="none") as f:
        assert f.read(2) == b"01"
        fs.pipe(f"{top}/a", b"abcdefghij")
        with pytest.raises(OSError, match="overwritten"):
            f.read(2)


@pytest.mark.parametrize("size", [10, 3 << 20], ids=["small", "streamed"])
def test_a_file_is_seen_when_it_is_closed(fs, top, size):
    path, half = f"{top}/a.bin", os.urandom(size)
    with fs.open(path, "wb", block_size=1 << 18) as f:
        f.write(half)
        assert not fs.exists(path)
        f.write(half)
    assert fs.cat(path) == half + half
    with pytest.raises(ZeroDivisionError), fs.open(path, "wb", block_size=1 << 18) as f:
        f.write(half)
        1 / 0
    assert fs.cat(path) == half + half
    with pytest.raises(ZeroDivisionError), fs.open(path, "w") as f:
        f.write("half")
        1 / 0
    f = fs.open(path, "wb", block_size=1 << 18)
    f.write(half)
    del f
    assert fs.cat(path) == half + half
    with pytest.raises(FileExistsError):
        fs.open(path, "xb")


def test_two_writers_of_a_new_file_do_not_both_win(fs, top):
    first, second = fs.open(f"{top}/a", "xb"), fs.open(f"{top}/a", "xb")
    first.write(b"first")
    second.write(b"second")
    first.close()
    with pytest.raises(FileExistsError):
        second.close()
    assert fs.cat(f"{top}/a") == b"first"


def test_transactions(fs, top):
    with fs.transaction:
        for name in "ab":
            with fs.open(f"{top}/{name}", "wb", block_size=1 << 18) as f:
                f.write(b"x" * (1 << 19 if name == "b" else 3))
        assert fs.ls(top) == []
    assert fs.du(top) == 3 + (1 << 19)
    with pytest.raises(ZeroDivisionError), fs.transaction:
        fs.open(f"{top}/c", "wb").close()
        1 / 0
    assert not fs.exists(f"{top}/c")


def test_a_writer_that_pauses_is_not_given_up(fs, top, monkeypatch):
    monkeypatch.setattr("bine.sending.SILENCE", 0.2)
    data = os.urandom(1 << 18)
    with fs.open(f"{top}/a", "wb", block_size=1 << 17) as f:
        f.write(data[: 1 << 17])
        time.sleep(1)
        f.write(data[1 << 17 :])
    assert fs.cat(f"{top}/a") == data


def test_finding(fs, top):
    for name in ("a.csv", "b/c.csv", "b/d.txt", "b/e/f.csv", "odd %?#[1].csv"):
        fs.pipe(f"{top}/{name}", b"x")
    assert fs.find(top) == [f"{top}/{n}" for n in ("a.csv", "b/c.csv", "b/d.txt", "b/e/f.csv", "odd %?#[1].csv")]
    assert fs.glob(f"bine://{top}/**/*.csv")[:3] == [f"{top}/{n}" for n in ("a.csv", "b/c.csv", "b/e/f.csv")]
    assert fs.glob(f"{top}/*/[cd].*") == [f"{top}/b/c.csv", f"{top}/b/d.txt"]
    assert fs.du(top) == 5 and fs.cat_file(f"{top}/odd %?#[1].csv") == b"x"


def test_symbolic_links(fs, top):
    project, _, inside = top.partition("/")
    files = fs.client.project(project).files
    fs.pipe_file(f"{top}/real/a.csv", b"a,b")
    assert files.symlink(f"{inside}/a.csv", "real/a.csv").link == "real/a.csv"
    files.symlink(f"{inside}/dir", f"/{inside}/real")
    files.symlink(f"{inside}/real/up", "..")
    files.symlink(f"{inside}/none", "nothing")
    listed = {one["name"][len(top) + 1 :]: (one["type"], one["size"]) for one in fs.ls(top)}
    assert listed == {"a.csv": ("file", 3), "dir": ("link", 0), "none": ("link", 0), "real": ("directory", 0)}
    assert fs.cat_file(f"{top}/a.csv") == fs.cat_file(f"{top}/dir/a.csv") == b"a,b"
    assert fs.isdir(f"{top}/dir") and not fs.exists(f"{top}/none")
    assert fs.find(top) == [f"{top}/a.csv", f"{top}/real/a.csv"]
    assert fs.find(f"{top}/dir") == [f"{top}/dir/a.csv"]
    assert fs.du(top) == 6
    with pytest.raises(bine.Error) as caught:
        files.symlink(f"{inside}/out", "../../../../other")
    assert caught.value.kind == "invalid"


def test_moving_and_copying(fs, top, projects):
    fs.pipe({f"{top}/d/a": b"a", f"{top}/d/b/c": b"c"})
    fs.mv(f"{top}/d", f"{top}/e", recursive=True)
    assert fs.find(top) == [f"{top}/e/a", f"{top}/e/b/c"]
    fs.mv(f"{top}/e/a", f"{top}/e/b")
    fs.mv(f"{top}/e/b/c", f"{top}/e/b/a")  # over a file
    assert fs.cat(f"{top}/e/b/a") == b"c"
    fs.cp(f"{top}/e", f"{top}/f", recursive=True)
    assert fs.cat(f"{top}/f/b/a") == b"c"
    with pytest.raises(FileNotFoundError):
        fs.mv(f"{top}/nothing", f"{top}/x")
    other = f"{projects[1]}/Resources/{uuid.uuid4().hex[:8]}"
    fs.cp(f"{top}/f", other, recursive=True)
    assert fs.cat(f"{other}/b/a") == b"c"
    fs.mv(f"{other}/b/a", f"{top}/back")
    assert fs.cat(f"{top}/back") == b"c" and not fs.exists(f"{other}/b/a")


def test_local_files_with_callbacks(fs, top, tmp_path):
    class Told(fsspec.callbacks.Callback):
        pass

    data = os.urandom(3 << 20)
    (tmp_path / "a").write_bytes(data)
    told = Told()
    fs.put_file(str(tmp_path / "a"), f"{top}/new/a", callback=told)
    assert (told.size, told.value) == (len(data), len(data))
    told = Told()
    fs.get_file(f"{top}/new/a", str(tmp_path / "new" / "b"), callback=told)
    assert (told.size, told.value) == (len(data), len(data))
    assert (tmp_path / "new" / "b").read_bytes() == data
    with pytest.raises(FileNotFoundError):
        fs.get_file(f"{top}/nothing", str(tmp_path / "c"))
    assert not (tmp_path / "c").exists()


def test_several_threads_and_pickles(fs, top):
    import pickle

    same = pickle.loads(pickle.dumps(fs))
    errors = []

    def work(n: int) -> None:
        try:
            same.pipe(f"{top}/{n}", str(n).encode())
            assert fs.cat(f"{top}/{n}") == str(n).encode()
        except BaseException as e:
            errors.append(e)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors and len(fs.ls(top)) == 16


def test_pandas_reads_and_writes(top):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"carrier": ["OS", "LH", "OS"], "delay": [3, -1, 12]})
    path = f"bine://{top}/flights.csv"
    frame.to_csv(path, index=False, storage_options=OPTIONS)
    assert pandas.read_csv(path, storage_options=OPTIONS).equals(frame)
    frame.to_csv(path + ".gz", index=False, storage_options=OPTIONS)
    assert pandas.read_csv(path + ".gz", storage_options=OPTIONS).equals(frame)
    frame.to_json(f"bine://{top}/flights.json", storage_options=OPTIONS)
    assert pandas.read_json(f"bine://{top}/flights.json", storage_options=OPTIONS).equals(frame)


def test_pandas_and_pyarrow_with_parquet(fs, top):
    pandas, pyarrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    from pyarrow import dataset, parquet

    frame = pandas.DataFrame({"year": [2013, 2013, 2014], "delay": [3, -1, 12]})
    path = f"bine://{top}/flights.parquet"
    frame.to_parquet(path, storage_options=OPTIONS)
    assert pandas.read_parquet(path, storage_options=OPTIONS).equals(frame)
    assert pandas.read_parquet(path, columns=["delay"], storage_options=OPTIONS)["delay"].sum() == 14

    parts = f"{top}/parts"
    parquet.write_to_dataset(pyarrow.Table.from_pandas(frame), parts, partition_cols=["year"], filesystem=fs)
    assert [p.split("/")[-2] for p in fs.glob(f"{parts}/*/*.parquet")] == ["year=2013", "year=2014"]
    found = dataset.dataset(parts, filesystem=fs, partitioning="hive")
    assert found.to_table(filter=dataset.field("year") == 2013)["delay"].to_pylist() == [3, -1]
    dataset.write_dataset(found.to_table(), f"{top}/again", format="parquet", partitioning=["year"], filesystem=fs)
    assert dataset.dataset(f"{top}/again", filesystem=fs, partitioning=["year"]).count_rows() == 3


def test_duckdb_queries_files(fs, top):
    duckdb = pytest.importorskip("duckdb")
    fs.pipe(f"{top}/a.csv", b"shop,sold\ngraz,3\nlinz,4\n")
    fs.pipe(f"{top}/b.csv", b"shop,sold\nwien,5\n")
    with duckdb.connect() as db:
        db.register_filesystem(fs)
        assert db.sql(f"select sum(sold) from 'bine://{top}/*.csv'").fetchall() == [(12,)]
        db.sql(f"copy (select 7 as n) to 'bine://{top}/n.parquet' (format parquet)")
        assert db.sql(f"select n from 'bine://{top}/n.parquet'").fetchall() == [(7,)]
