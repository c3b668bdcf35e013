"""S3 by clients that others wrote, boto3, fsspec's s3fs, pyarrow and DuckDB, against a real server.

BINE_TEST_API, BINE_TEST_KEY and BINE_TEST_PROJECT are those of test_server.py.
"""

import io
import json
import os
import threading
import urllib.request
import uuid

import pytest

API, KEY = os.environ.get("BINE_TEST_API", ""), os.environ.get("BINE_TEST_KEY", "")
needed = bool(os.environ.get("BINE_TEST_REQUIRED"))
pytestmark = pytest.mark.skipif(not API and not needed, reason="BINE_TEST_API is not set")

if needed:
    import boto3
else:
    boto3 = pytest.importorskip("boto3")

AT = f"Resources/{uuid.uuid4().hex}/"
BUCKET = os.environ.get("BINE_TEST_PROJECT") or f"s3{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="module")
def place():
    if not os.environ.get("BINE_TEST_PROJECT"):
        import bine

        with bine.login(API, KEY) as client:
            client.create_project(BUCKET)
            client.project(BUCKET).wait()
    body = json.dumps({"name": "test", "scopes": ["all"], "project": BUCKET, "s3": True}).encode()
    asked = urllib.request.Request(f"{API}/api/v1/keys", data=body, headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"})
    with urllib.request.urlopen(asked) as answer:
        key = json.load(answer)
    return {"url": API, "access": key["access_key"], "secret": key["secret_key"]}


@pytest.fixture
def s3(place):
    from botocore.config import Config

    return boto3.client("s3", endpoint_url=place["url"], aws_access_key_id=place["access"], aws_secret_access_key=place["secret"],
                        region_name="us-east-1", config=Config(retries={"max_attempts": 1}, signature_version="s3v4"))


def test_put_and_get_as_boto3_does_by_itself(s3):
    made = s3.put_object(Bucket=BUCKET, Key=AT + "ü a+b.txt", Body=b"hello" * 1000, Metadata={"origin": "here"}, ContentType="text/x-own")
    got = s3.get_object(Bucket=BUCKET, Key=AT + "ü a+b.txt")
    assert got["Body"].read() == b"hello" * 1000
    assert (got["ETag"], got["ContentType"], got["Metadata"]) == (made["ETag"], "text/x-own", {"origin": "here"})
    assert s3.get_object(Bucket=BUCKET, Key=AT + "ü a+b.txt", Range="bytes=5-9")["Body"].read() == b"hello"


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_checksums(s3, algorithm):
    try:
        s3.put_object(Bucket=BUCKET, Key=AT + algorithm, Body=io.BytesIO(b"x" * 200_000), ChecksumAlgorithm=algorithm)
    except Exception as e:
        if "awscrt" in str(e).lower() or "crt" in str(e).lower():
            pytest.skip(f"boto3 makes {algorithm} with awscrt only")
        raise
    assert s3.head_object(Bucket=BUCKET, Key=AT + algorithm)["ContentLength"] == 200_000


def test_a_wrong_checksum_is_refused(s3):
    with pytest.raises(s3.exceptions.ClientError) as e:
        s3.put_object(Bucket=BUCKET, Key=AT + "wrong", Body=b"x", ChecksumCRC32="AAAAAA==")
    assert e.value.response["Error"]["Code"] == "BadDigest"
    with pytest.raises(s3.exceptions.ClientError) as e:
        s3.head_object(Bucket=BUCKET, Key=AT + "wrong")
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_listing_in_pages(s3):
    keys = [f"{AT}many/{i:03}" for i in range(25)] + [f"{AT}many/d&<>/{i} %" for i in range(3)]
    for k in keys:
        s3.put_object(Bucket=BUCKET, Key=k, Body=b"x")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=AT + "many/", PaginationConfig={"PageSize": 7})
    assert [o["Key"] for p in pages for o in p.get("Contents", [])] == sorted(keys)
    top = s3.list_objects_v2(Bucket=BUCKET, Prefix=AT + "many/", Delimiter="/")
    assert [p["Prefix"] for p in top["CommonPrefixes"]] == [AT + "many/d&<>/"] and top["KeyCount"] == 26
    assert len(s3.list_objects(Bucket=BUCKET, Prefix=AT + "many/")["Contents"]) == 28
    gone = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": k} for k in keys]})
    assert len(gone["Deleted"]) == 28 and "Errors" not in gone


def test_large_files_in_parts(s3, tmp_path):
    from boto3.s3.transfer import TransferConfig

    config = TransferConfig(multipart_threshold=6 << 20, multipart_chunksize=5 << 20, max_concurrency=4)
    content = os.urandom(23 << 20)
    (tmp_path / "a").write_bytes(content)
    s3.upload_file(str(tmp_path / "a"), BUCKET, AT + "large", Config=config)
    s3.download_file(BUCKET, AT + "large", str(tmp_path / "b"), Config=config)
    assert (tmp_path / "b").read_bytes() == content
    s3.copy({"Bucket": BUCKET, "Key": AT + "large"}, BUCKET, AT + "copied", Config=config)
    assert s3.get_object(Bucket=BUCKET, Key=AT + "copied")["Body"].read() == content
    assert not s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads")


def test_conditions_and_errors(s3):
    s3.put_object(Bucket=BUCKET, Key=AT + "once", Body=b"1", IfNoneMatch="*")
    with pytest.raises(s3.exceptions.ClientError) as e:
        s3.put_object(Bucket=BUCKET, Key=AT + "once", Body=b"2", IfNoneMatch="*")
    assert e.value.response["Error"]["Code"] == "PreconditionFailed"
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=BUCKET, Key=AT + "missing")
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket="nobodys")
    assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == [BUCKET]
    assert s3.head_bucket(Bucket=BUCKET) and s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None


def test_tags_and_copies(s3):
    s3.put_object(Bucket=BUCKET, Key=AT + "tagged", Body=b"1", Tagging="a=b&c=d", Metadata={"m": "1"})
    assert len(s3.get_object_tagging(Bucket=BUCKET, Key=AT + "tagged")["TagSet"]) == 2
    s3.put_object_tagging(Bucket=BUCKET, Key=AT + "tagged", Tagging={"TagSet": [{"Key": "e", "Value": "f"}]})
    assert s3.get_object_tagging(Bucket=BUCKET, Key=AT + "tagged")["TagSet"] == [{"Key": "e", "Value": "f"}]
    s3.copy_object(Bucket=BUCKET, Key=AT + "copy", CopySource={"Bucket": BUCKET, "Key": AT + "tagged"})
    assert s3.head_object(Bucket=BUCKET, Key=AT + "copy")["Metadata"] == {"m": "1"}
    s3.copy_object(Bucket=BUCKET, Key=AT + "copy", CopySource={"Bucket": BUCKET, "Key": AT + "copy"}, Metadata={"m": "2"}, MetadataDirective="REPLACE")
    assert s3.head_object(Bucket=BUCKET, Key=AT + "copy")["Metadata"] == {"m": "2"}
    assert s3.get_object_tagging(Bucket=BUCKET, Key=AT + "copy")["TagSet"] == [{"Key": "e", "Value": "f"}]
    s3.copy_object(Bucket=BUCKET, Key=AT + "copy", CopySource={"Bucket": BUCKET, "Key": AT + "copy"}, Tagging="g=h", TaggingDirective="REPLACE")
    assert s3.get_object_tagging(Bucket=BUCKET, Key=AT + "copy")["TagSet"] == [{"Key": "g", "Value": "h"}]
    assert s3.head_object(Bucket=BUCKET, Key=AT + "copy")["Metadata"] == {"m": "2"}
    s3.delete_object_tagging(Bucket=BUCKET, Key=AT + "tagged")
    assert s3.get_object_tagging(Bucket=BUCKET, Key=AT + "tagged")["TagSet"] == []


def test_presigned(s3):
    s3.put_object(Bucket=BUCKET, Key=AT + "pre signed", Body=b"hello")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": AT + "pre signed", "ResponseContentType": "text/html"}, ExpiresIn=60)
    with urllib.request.urlopen(url) as r:
        assert r.read() == b"hello" and r.headers["Content-Type"] == "text/html"
    url = s3.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": AT + "pre put"}, ExpiresIn=60)
    urllib.request.urlopen(urllib.request.Request(url, data=b"sent", method="PUT")).close()
    assert s3.get_object(Bucket=BUCKET, Key=AT + "pre put")["Body"].read() == b"sent"


def test_many_at_once(s3):
    faults = []

    def work(i):
        try:
            for j in range(5):
                s3.put_object(Bucket=BUCKET, Key=f"{AT}threads/{i}/{j}", Body=b"x" * i * 1000)
        except Exception as e:
            faults.append(e)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not faults
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix=AT + "threads/")["KeyCount"] == 40


def test_s3fs(place):
    s3fs, pandas = pytest.importorskip("s3fs"), pytest.importorskip("pandas")
    options = {"endpoint_url": place["url"], "key": place["access"], "secret": place["secret"]}
    fs = s3fs.S3FileSystem(**options, client_kwargs={"region_name": "us-east-1"}, config_kwargs={"signature_version": "s3v4"}, skip_instance_cache=True)
    top, content = f"{BUCKET}/{AT}s3fs ü", os.urandom(11 << 20)
    with fs.open(f"{top}/large", "wb", block_size=5 << 20) as f:
        f.write(content)
    assert fs.cat(f"{top}/large") == content and fs.cat_file(f"{top}/large", start=-7, end=-2) == content[-7:-2]
    with fs.open(f"{top}/large", "ab") as f:
        f.write(b"more")
    assert fs.tail(f"{top}/large", 5) == content[-1:] + b"more"
    fs.pipe({f"{top}/many/{i:02}": b"x" * i for i in range(30)})
    assert len(fs.ls(f"{top}/many")) == 30 and fs.glob(f"{top}/many/0*") == [f"{top}/many/{i:02}" for i in range(10)]
    assert fs.du(f"{top}/many") == sum(range(30)) and fs.isdir(top) and not fs.exists(f"{top}/no")
    fs.mv(f"{top}/many/07", f"{top}/moved")
    assert fs.exists(f"{top}/moved") and not fs.exists(f"{top}/many/07")
    with fs.open(f"{top}/once", "xb") as f:
        f.write(b"1")
    with pytest.raises(OSError), fs.open(f"{top}/once", "xb") as f:
        f.write(b"2")
    assert fs.cat(f"{top}/once") == b"1"
    with urllib.request.urlopen(fs.sign(f"{top}/once")) as r:
        assert r.read() == b"1"
    fs.put_tags(f"{top}/once", {"t": "1"})
    fs.setxattr(f"{top}/once", k="v")
    assert fs.get_tags(f"{top}/once") == {"t": "1"} and fs.metadata(f"{top}/once") == {"k": "v"}
    frame = pandas.DataFrame({"n": range(1000), "k": [i % 3 for i in range(1000)]})
    frame.to_parquet(f"s3://{top}/t.parquet", storage_options=options)
    assert pandas.read_parquet(f"s3://{top}/t.parquet", storage_options=options).equals(frame)
    fs.rm(top, recursive=True)
    assert not [n for n in fs.find(top) if not n.endswith("/")]


def test_pyarrow_datasets(place):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import dataset, fs

    s3 = fs.S3FileSystem(endpoint_override=place["url"], access_key=place["access"], secret_key=place["secret"], region="us-east-1")
    top = f"{BUCKET}/{AT}arrow"
    table = pyarrow.table({"n": range(100_000), "k": [i % 5 for i in range(100_000)]})
    write = {"base_dir": f"{top}/t", "format": "parquet", "partitioning": ["k"], "filesystem": s3, "existing_data_behavior": "delete_matching"}
    dataset.write_dataset(table, **write)
    read = dataset.dataset(f"{top}/t", filesystem=s3, partitioning=["k"])
    assert read.count_rows() == 100_000 and read.to_table(filter=dataset.field("k") == 3).num_rows == 20_000
    dataset.write_dataset(table.slice(0, 10), **write)
    assert dataset.dataset(f"{top}/t", filesystem=s3, partitioning=["k"]).count_rows() == 10
    part = os.urandom(6 << 20)
    with s3.open_output_stream(f"{top}/large") as f:
        f.write(part), f.write(part), f.write(b"end")
    s3.move(f"{top}/large", f"{top}/moved")
    with s3.open_input_file(f"{top}/moved") as f:
        f.seek(6 << 20)
        assert (f.size(), f.read(100)) == ((12 << 20) + 3, part[:100])
    s3.create_dir(f"{top}/made/below")
    kinds = {i.path.removeprefix(top): i.type for i in s3.get_file_info([f"{top}/made", f"{top}/moved", f"{top}/large"])}
    assert kinds == {"/made": fs.FileType.Directory, "/moved": fs.FileType.File, "/large": fs.FileType.NotFound}
    s3.delete_dir_contents(f"{top}/t")
    assert s3.get_file_info(f"{top}/t").type == fs.FileType.Directory
    s3.delete_dir(top)
    assert s3.get_file_info(top).type == fs.FileType.NotFound
    with pytest.raises(FileNotFoundError):
        s3.open_input_file(f"{top}/no")


def test_duckdb(place):
    duckdb = pytest.importorskip("duckdb")
    db = duckdb.connect()
    try:
        db.execute("INSTALL httpfs; LOAD httpfs")
    except duckdb.Error as e:
        pytest.skip(f"DuckDB's httpfs cannot be had here: {e}")
    host = place["url"].removeprefix("http://")
    db.execute(f"CREATE SECRET (TYPE s3, KEY_ID '{place['access']}', SECRET '{place['secret']}', ENDPOINT '{host}', URL_STYLE 'path', USE_SSL false, REGION 'us-east-1')")
    db.execute(f"COPY (SELECT range AS n, range % 7 AS k FROM range(100000)) TO 's3://{BUCKET}/{AT}duck' (FORMAT parquet, PARTITION_BY (k))")
    assert db.execute(f"SELECT count(*), sum(n) FROM read_parquet('s3://{BUCKET}/{AT}duck/*/*.parquet')").fetchone() == (100000, 4999950000)
