"""WebHDFS by clients that others wrote: HdfsCLI, fsspec, OpenDAL, and pandas,
pyarrow and DuckDB on top of fsspec, against a real server.

BINE_TEST_API, BINE_TEST_KEY and BINE_TEST_PROJECT are those of test_server.py.
"""

from __future__ import annotations

import os
import pickle
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

import bine
import bine.fs  # which makes bine:// known

API, KEY = os.environ.get("BINE_TEST_API", ""), os.environ.get("BINE_TEST_KEY", "")

needed = bool(os.environ.get("BINE_TEST_REQUIRED"))
pytestmark = pytest.mark.skipif(not API and not needed, reason="BINE_TEST_API is not set")

if needed:
    import duckdb
    import fsspec
    import hdfs
    import opendal
    import pandas
    import pyarrow
    import requests
else:
    duckdb = pytest.importorskip("duckdb")
    fsspec = pytest.importorskip("fsspec")
    hdfs = pytest.importorskip("hdfs")
    opendal = pytest.importorskip("opendal")
    pandas = pytest.importorskip("pandas")
    pyarrow = pytest.importorskip("pyarrow")
    requests = pytest.importorskip("requests")

from pyarrow import dataset, parquet  # noqa: E402

LARGE = bytes(range(256)) * (48 << 10)  # 12 MiB, over every buffer


@pytest.fixture(scope="module")
def root():
    with bine.login(API, KEY) as client:
        name = os.environ.get("BINE_TEST_PROJECT") or f"wh{uuid.uuid4().hex[:8]}"
        if name not in client.projects():
            client.create_project(name)
        client.project(name).wait()
    return f"/Projects/{name}/Resources/{uuid.uuid4().hex}"


def bearer():
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {KEY}"
    return hdfs.Client(API, session=session)


def password():
    session = requests.Session()
    session.auth = ("me", KEY)
    return hdfs.Client(API, session=session)


def token():
    return hdfs.TokenClient(API, KEY)


@pytest.fixture(params=[bearer, password, token])
def cli(request):
    return request.param()


def fs(**how):
    at = urlsplit(API)
    return fsspec.filesystem("webhdfs", host=at.hostname, port=at.port, use_https=at.scheme == "https", skip_instance_cache=True, **how)


@pytest.fixture(params=["token", "password"])
def spec(request):
    return fs(token=KEY) if request.param == "token" else fs(user="me", password=KEY)


class TestHdfsCLI:
    def test_write_read_append(self, cli, root):
        path = f"{root}/cli {uuid.uuid4().hex} ä+%.txt"
        cli.write(path, "hällo\n", encoding="utf-8")
        cli.write(path, "again\n", encoding="utf-8", append=True)
        with cli.read(path, encoding="utf-8") as reader:
            assert reader.read() == "hällo\nagain\n"
        with cli.read(path, offset=3, length=4) as reader:
            assert reader.read() == "hällo\nagain\n".encode()[3:7]
        with cli.read(path, encoding="utf-8", delimiter="\n") as lines:
            assert list(lines) == ["hällo", "again", ""]
        with pytest.raises(hdfs.HdfsError) as caught:
            cli.write(path, b"x")
        assert caught.value.exception == "FileAlreadyExistsException"
        cli.write(path, b"x", overwrite=True, permission="640")
        status = cli.status(path)
        assert (status["length"], status["type"]) == (1, "FILE")
        assert cli.delete(path) and not cli.delete(path)
        assert cli.status(path, strict=False) is None

    def test_as_a_file(self, cli, root):
        path = f"{root}/{uuid.uuid4().hex}"
        with cli.write(path, encoding="utf-8") as writer:
            for n in range(1000):
                writer.write(f"{n}\n")
        with cli.read(path, encoding="utf-8", delimiter="\n") as lines:
            assert list(lines) == [str(n) for n in range(1000)] + [""]

    def test_directories(self, cli, root):
        top = f"{root}/{uuid.uuid4().hex}"
        cli.makedirs(f"{top}/a/b", permission="750")
        cli.makedirs(f"{top}/a/b")
        cli.write(f"{top}/a/one", b"1")
        cli.write(f"{top}/a/b/two", b"22")
        assert cli.list(top) == ["a"] and sorted(cli.list(f"{top}/a")) == ["b", "one"]
        assert [(p, sorted(d), sorted(f)) for p, d, f in cli.walk(top)] == [(top, ["a"], []), (f"{top}/a", ["b"], ["one"]), (f"{top}/a/b", [], ["two"])]
        assert cli.content(top)["length"] == 3 and cli.content(top)["fileCount"] == 2 and cli.content(top)["directoryCount"] == 3
        cli.rename(f"{top}/a/one", f"{top}/a/b")  # into the directory
        assert sorted(cli.list(f"{top}/a/b")) == ["one", "two"]
        with pytest.raises(hdfs.HdfsError):
            cli.rename(f"{top}/nothing", f"{top}/else")
        with pytest.raises(hdfs.HdfsError) as caught:
            cli.delete(top)
        assert caught.value.exception == "PathIsNotEmptyDirectoryException"
        with pytest.raises(hdfs.HdfsError, match="not a directory"):
            cli.list(f"{top}/a/b/one")
        assert cli.delete(top, recursive=True)

    def test_upload_and_download(self, cli, root, tmp_path):
        (tmp_path / "in" / "deep").mkdir(parents=True)
        (tmp_path / "in" / "large.bin").write_bytes(LARGE)
        (tmp_path / "in" / "deep" / "small.txt").write_text("small")
        target = f"{root}/{uuid.uuid4().hex}"
        assert cli.upload(target, str(tmp_path / "in"), n_threads=2) == target
        cli.download(target, str(tmp_path / "out"), n_threads=2)
        assert (tmp_path / "out" / "large.bin").read_bytes() == LARGE
        assert (tmp_path / "out" / "deep" / "small.txt").read_text() == "small"
        with pytest.raises(hdfs.HdfsError):
            cli.upload(f"{target}/large.bin", str(tmp_path / "in" / "large.bin"))
        cli.upload(f"{target}/large.bin", str(tmp_path / "in" / "deep" / "small.txt"), overwrite=True)
        assert cli.status(f"{target}/large.bin")["length"] == 5

    def test_attributes(self, cli, root):
        path = f"{root}/{uuid.uuid4().hex}"
        cli.write(path, b"123456789")
        cli.set_permission(path, "600")
        cli.set_times(path, access_time=1_000, modification_time=2_000)
        status = cli.status(path)
        assert (status["permission"], status["accessTime"], status["modificationTime"]) == ("600", 1_000, 2_000)
        cli.set_owner(path, owner=status["owner"], group=status["group"])
        assert cli.set_replication(path, 3) is None
        assert cli.acl_status(path)["owner"] == status["owner"]
        assert cli.checksum(path)["algorithm"] == "MD5-of-0MD5-of-512CRC32C"
        assert cli.resolve("x").endswith("/x")
        cli.set_acl(path, "user::rw-,group::r--,mask::rw-,other::---")
        assert cli.acl_status(path)["entries"] == ["group::r--"]
        cli.remove_acl(path)
        assert cli.acl_status(path)["permission"] == "640"
        with pytest.raises(hdfs.HdfsError) as caught:
            cli.set_acl(path, "user::rwx")
        assert caught.value.exception == "AclException"

    def test_nobody_and_a_wrong_key(self, root):
        with pytest.raises(hdfs.HdfsError, match="Authentication"):
            hdfs.InsecureClient(API, user="admin").list(root)
        with pytest.raises(hdfs.HdfsError, match="Authentication"):
            hdfs.TokenClient(API, "bine_0000000000_wrong").list(root)


class TestFsspec:
    def test_write_in_many_appends_to_one_address(self, spec, root):
        path = f"{root}/spec {uuid.uuid4().hex} ä.bin"
        with spec.open(path, "wb", block_size=1 << 20) as f:
            for at in range(0, len(LARGE), 300_000):
                f.write(LARGE[at : at + 300_000])
        assert spec.info(path)["size"] == len(LARGE)
        with spec.open(path, "rb", block_size=1 << 20) as f:
            f.seek(5_000_001)
            assert f.read(1000) == LARGE[5_000_001:5_001_001]
            f.seek(-10, 2)
            assert f.read() == LARGE[-10:]
        assert spec.cat_file(path) == LARGE
        assert spec.cat_file(path, start=len(LARGE) - 3) == LARGE[-3:]

    def test_names_and_trees(self, spec, root):
        top = f"{root}/{uuid.uuid4().hex}"
        spec.makedirs(f"{top}/a/b")
        spec.makedirs(f"{top}/a/b", exist_ok=True)
        spec.pipe({f"{top}/a/one": b"1", f"{top}/a/b/two": b"22"})
        assert spec.ls(f"{top}/a") == [f"{top}/a/b", f"{top}/a/one"]
        assert spec.find(top) == [f"{top}/a/b/two", f"{top}/a/one"]
        assert spec.glob(f"{top}/**/t*") == [f"{top}/a/b/two"]
        assert spec.isdir(f"{top}/a") and spec.isfile(f"{top}/a/one") and not spec.exists(f"{top}/none")
        assert spec.content_summary(top)["length"] == 3
        spec.mv(f"{top}/a/one", f"{top}/moved")
        spec.cp_file(f"{top}/moved", f"{top}/copied")
        assert spec.cat(f"{top}/copied") == b"1"
        assert spec.ukey(f"{top}/copied") == spec.ukey(f"{top}/moved")
        spec.chmod(f"{top}/moved", "640")
        assert spec.info(f"{top}/moved")["permission"] == "640"
        spec.set_replication(f"{top}/moved", 2)
        with pytest.raises(RuntimeError, match="not empty"):
            spec.rm(top)
        spec.rm(top, recursive=True)
        assert not spec.exists(top)

    def test_errors_are_pythons(self, spec, root):
        with pytest.raises(FileNotFoundError):
            spec.info(f"{root}/none")
        with pytest.raises(FileNotFoundError):
            spec.ls("/Projects/no-such-project")
        with pytest.raises(PermissionError):
            spec.mkdir("/elsewhere")
        with pytest.raises(ValueError, match="not supported"):
            spec.get_delegation_token()
        with pytest.raises(PermissionError):
            fs(user="admin").ls(root)
        assert spec.home_directory().startswith("/")


class TestOpenDAL:
    """It asks for every address with noredirect, and goes there without saying again who it is."""

    @pytest.fixture(params=["false", "true"])
    def op(self, request, root):
        return opendal.Operator("webhdfs", endpoint=API, root=f"{root}/{uuid.uuid4().hex}", delegation=KEY, disable_list_batch=request.param)

    def test_files_and_directories(self, op):
        op.write("a/b ä.txt", b"hello")
        assert op.read("a/b ä.txt") == b"hello"
        op.write("large", LARGE)
        assert op.read("large") == LARGE
        with op.open("large", "rb") as f:
            f.seek(5_000_000)
            assert f.read(10) == LARGE[5_000_000:5_000_010]
        op.write("large", b"end", append=True)
        assert op.stat("large").content_length == len(LARGE) + 3
        op.create_dir("c/")
        assert sorted(e.path for e in op.list("", recursive=True)) == ["/", "a/", "a/b ä.txt", "c/", "large"]
        op.delete("large")
        with pytest.raises(opendal.exceptions.NotFound):
            op.stat("large")


class TestTables:
    """What reads and writes tables by fsspec: through our own file system, and through WebHDFS."""

    @pytest.fixture(params=["webhdfs", "bine"])
    def on(self, request, root):
        """The options of a file system, and the address of a new directory on it."""
        at, name = urlsplit(API), f"{root}/{uuid.uuid4().hex}"
        if request.param == "bine":
            return {"api": API, "key": KEY}, f"bine://{name.removeprefix('/Projects/')}"
        return {"token": KEY, "use_https": at.scheme == "https"}, f"webhdfs://{at.netloc}{name}"

    @pytest.fixture
    def there(self, on):
        options, address = on
        return fsspec.core.url_to_fs(address, **options)

    @pytest.fixture
    def frame(self):
        rows = range(3000)
        return pandas.DataFrame({"id": rows, "year": [2013 + n % 3 for n in rows], "delay": [n * 1.5 for n in rows]})

    def test_pandas(self, on, frame):
        options, address = on
        frame.to_csv(f"{address}/a.csv", index=False, storage_options=options)
        assert pandas.read_csv(f"{address}/a.csv", storage_options=options).equals(frame)
        frame.to_parquet(f"{address}/a.parquet", storage_options=options)
        assert pandas.read_parquet(f"{address}/a.parquet", columns=["delay"], storage_options=options)["delay"].sum() == frame["delay"].sum()

    def test_pyarrow_dataset(self, there, frame):
        fs, path = there
        table = pyarrow.Table.from_pandas(frame, preserve_index=False)
        parquet.write_to_dataset(table, f"{path}/parts", partition_cols=["year"], filesystem=fs)
        found = dataset.dataset(f"{path}/parts", filesystem=fs, partitioning="hive")
        assert found.count_rows() == 3000
        some = found.to_table(filter=(dataset.field("year") == 2014) & (dataset.field("id") < 10), columns=["id"])
        assert sorted(some["id"].to_pylist()) == [1, 4, 7]
        dataset.write_dataset(found.to_table(), f"{path}/again", format="parquet", partitioning=["year"], filesystem=fs)
        assert dataset.dataset(f"{path}/again", filesystem=fs, partitioning=["year"]).count_rows() == 3000

    def test_duckdb(self, on, there, frame):
        fs, path = there
        address = on[1] if on[1].startswith("bine") else f"webhdfs://{path}"
        with fs.open(f"{path}/in.parquet", "wb") as f:
            frame.to_parquet(f)
        with duckdb.connect() as db:
            db.register_filesystem(fs)
            assert db.sql(f"select count(*), sum(delay) from '{address}/*.parquet' where year = 2013").fetchall() == [(1000, frame[frame.year == 2013].delay.sum())]
            db.sql(f"copy (select year, avg(delay) as delay from '{address}/in.parquet' group by year) to '{address}/out.csv' (header)")
            assert db.sql(f"select count(*) from '{address}/out.csv'").fetchall() == [(3,)]

    def test_sharded_reading_as_petastorm_does(self, there, frame):
        """Workers take row groups in turn, each with a connection of its own, and read some columns."""
        fs, path = there
        with fs.open(f"{path}/rows.parquet", "wb") as f:
            frame.to_parquet(f, row_group_size=250)
        groups = parquet.ParquetFile(fs.open(f"{path}/rows.parquet")).metadata.num_row_groups
        assert groups == 12

        def shard(worker):
            file = parquet.ParquetFile(pickle.loads(pickle.dumps(fs)).open(f"{path}/rows.parquet", cache_type="none"))
            return [n for group in range(worker, groups, 4) for n in file.read_row_group(group, columns=["id"])["id"].to_pylist()]

        with ThreadPoolExecutor(4) as pool:
            shards = list(pool.map(shard, range(4)))
        assert [len(s) for s in shards] == [750] * 4 and sorted(sum(shards, [])) == list(range(3000))
