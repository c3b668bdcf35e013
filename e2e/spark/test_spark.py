"""Spark reading and writing webhdfs:// or s3a:// on a real server, configured as docs/webhdfs.md and docs/s3.md say.

TestSparkOverWebHDFS and TestSparkOverS3 start it. BINE_TEST_API is the server's address, BINE_API_KEY a key and
BINE_TEST_PROJECT a project of its user; for s3a:// BINE_TEST_S3A is the directory of its jars, and
AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY a key for S3.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import fsspec
import pytest
from pyspark import TaskContext
from pyspark.sql import SparkSession, functions

API, KEY, PROJECT = (os.environ[n] for n in ("BINE_TEST_API", "BINE_API_KEY", "BINE_TEST_PROJECT"))
AT = urlsplit(API)
JARS = os.environ.get("BINE_TEST_S3A")
if JARS:
    ROOT = f"s3a://{PROJECT}"
    OPTIONS = {
        "spark.jars": ",".join(str(p) for p in sorted(Path(JARS).glob("*.jar"))),
        "spark.hadoop.fs.s3a.endpoint": API,
        "spark.hadoop.fs.s3a.path.style.access": "true",
    }
else:
    OAUTH = "spark.hadoop.dfs.webhdfs.oauth2."
    ROOT = f"{'swebhdfs' if AT.scheme == 'https' else 'webhdfs'}://{AT.netloc}/Projects/{PROJECT}"
    OPTIONS = {
        OAUTH + "enabled": "true",
        OAUTH + "access.token.provider": "org.apache.hadoop.hdfs.web.oauth2.ConfCredentialBasedAccessTokenProvider",
        OAUTH + "client.id": "spark",
        OAUTH + "credential": KEY,
        OAUTH + "refresh.url": f"{API}/webhdfs/oauth2/token",
    }


@pytest.fixture(scope="module")
def spark():
    session = (
        SparkSession.builder.master("local[2,3]")  # a task may fail twice
        .config("spark.ui.enabled", "false")
        .config("spark.driver.memory", "1g")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config(map=OPTIONS)
        .getOrCreate()
    )
    yield session
    session.stop()


@pytest.fixture
def top():
    return f"{ROOT}/Resources/spark/{uuid.uuid4().hex}"


def files(url: str) -> list[str]:
    """Names below a directory, asked for by another client."""
    fs = fsspec.filesystem("webhdfs", host=AT.hostname, port=AT.port, use_https=AT.scheme == "https", token=KEY, skip_instance_cache=True)
    path = f"/Projects/{PROJECT}" + url.removeprefix(ROOT)
    return [name[len(path) + 1 :] for name in fs.find(path)]


def flights(spark, rows=10_000):
    return spark.range(rows).select(
        functions.col("id"),
        (2013 + functions.col("id") % 3).alias("year"),
        functions.concat(functions.lit("carrier ä/%="), functions.col("id") % 2).alias("carrier"),
        (functions.col("id") * 1.5).alias("delay"),
    )


def settled(url: str) -> None:
    """Nothing of a committer lies about any more."""
    names = files(url)
    assert "_SUCCESS" in names and not [n for n in names if "_temporary" in n or ".spark-staging" in n], names


@pytest.mark.parametrize("version", ["1", "2"])
class TestCommitter:
    def write(self, frame, version):
        return frame.write.option("mapreduce.fileoutputcommitter.algorithm.version", version)

    def test_partitioned_parquet(self, spark, top, version):
        frame = flights(spark)
        self.write(frame, version).partitionBy("year", "carrier").parquet(top)
        settled(top)
        back = spark.read.parquet(top)
        assert back.count() == 10_000
        assert back.select(sorted(back.columns)).exceptAll(frame.select(sorted(frame.columns))).count() == 0
        assert back.where("year = 2014").select(functions.sum("id")).first()[0] == sum(i for i in range(10_000) if i % 3 == 1)
        assert {n.split("/")[0] for n in files(top)} == {"_SUCCESS", "year=2013", "year=2014", "year=2015"}

    def test_modes(self, spark, top, version):
        frame = flights(spark, 300)
        self.write(frame, version).partitionBy("year").parquet(top)
        self.write(frame, version).partitionBy("year").mode("append").parquet(top)
        assert spark.read.parquet(top).count() == 600
        with pytest.raises(Exception, match="(?i)already.exists"):
            self.write(frame, version).parquet(top)
        self.write(frame, version).mode("ignore").parquet(top)
        assert spark.read.parquet(top).count() == 600
        self.write(frame.where("year = 2013"), version).partitionBy("year").mode("overwrite").parquet(top)
        assert spark.read.parquet(top).select("year").distinct().collect() == [(2013,)]
        settled(top)

    def test_overwriting_some_partitions(self, spark, top, version):
        frame = flights(spark, 300)
        self.write(frame, version).partitionBy("year").parquet(top)
        new = frame.where("year = 2014").withColumn("delay", functions.lit(-1.0))
        self.write(new, version).partitionBy("year").mode("overwrite").option("partitionOverwriteMode", "dynamic").parquet(top)
        got = {tuple(r) for r in spark.read.parquet(top).groupBy("year").agg(functions.count("*"), functions.min("delay") == -1).collect()}
        assert got == {(2013, 100, False), (2014, 100, True), (2015, 100, False)}
        settled(top)

    def test_a_task_that_fails_leaves_nothing_twice(self, spark, top, version):
        def stumble(rows):
            for n, row in enumerate(rows):
                if n == 100 and TaskContext.get().attemptNumber() == 0:
                    raise RuntimeError("the first attempt fails after some rows")
                yield row

        frame = spark.createDataFrame(spark.sparkContext.range(1000, numSlices=4).mapPartitions(stumble).map(lambda n: (n,)), "id long")
        self.write(frame, version).parquet(top)
        assert [r[0] for r in spark.read.parquet(top).orderBy("id").collect()] == list(range(1000))
        settled(top)


@pytest.mark.parametrize("format", ["csv", "json", "orc", "text"])
def test_other_formats(spark, top, format):
    frame = spark.range(1000).select(functions.col("id").cast("string").alias("value"))
    frame.write.format(format).option("header", "true").save(top)
    back = spark.read.format(format).option("header", "true").load(top)
    assert sorted(int(r[0]) for r in back.collect()) == list(range(1000))


def test_a_large_file_is_read_in_parts(spark, top):
    frame = spark.range(2_000_000).select(functions.format_string("%020d", "id").alias("value"))
    frame.coalesce(1).write.text(top)
    spark.conf.set("spark.sql.files.maxPartitionBytes", str(4 << 20))
    try:
        back = spark.read.text(top)
        assert back.rdd.getNumPartitions() >= 8
        assert back.select(functions.sum(functions.col("value").cast("long"))).first()[0] == sum(range(2_000_000))
    finally:
        spark.conf.unset("spark.sql.files.maxPartitionBytes")


def test_a_stream_with_its_checkpoint(spark, top):
    flights(spark, 100).write.parquet(f"{top}/in")
    schema = spark.read.parquet(f"{top}/in").schema

    def drain():
        stream = spark.readStream.schema(schema).parquet(f"{top}/in")
        query = stream.writeStream.format("parquet").option("checkpointLocation", f"{top}/checkpoint").trigger(availableNow=True).start(f"{top}/out")
        query.awaitTermination(120)
        assert query.exception() is None

    drain()
    flights(spark, 50).write.mode("append").parquet(f"{top}/in")
    drain()  # goes on where the checkpoint says
    assert spark.read.parquet(f"{top}/out").count() == 150


def file_system(spark, url, **settings):
    """Hadoop's file system of an address, and the path as it wants it."""
    hadoop = spark.sparkContext._jvm.org.apache.hadoop
    conf = hadoop.conf.Configuration(spark.sparkContext._jsc.hadoopConfiguration())
    for name, value in settings.items():
        conf.set(name.replace("__", "."), value)
    path = hadoop.fs.Path(url)
    return path.getFileSystem(conf), path


def test_directories_go_when_they_are_moved_and_removed(spark, top):
    fs, a = file_system(spark, f"{top}/a")
    _, b = file_system(spark, f"{top}/b")
    spark.range(10).write.parquet(f"{top}/a/x/y")
    assert fs.mkdirs(a.suffix("/empty/below"))
    assert fs.rename(a, b)
    assert not fs.exists(a) and not [n for n in files(top) if n.startswith("a/")]
    assert fs.exists(b.suffix("/empty/below")) and spark.read.parquet(f"{top}/b/x/y").count() == 10
    assert fs.delete(b, True)
    assert not fs.exists(b) and [s.getPath().getName() for s in fs.listStatus(b.getParent())] == []


def test_a_wrong_key_is_refused(spark, top):
    if JARS:
        wrong = {"fs__s3a__secret__key": "wrong", "fs__s3a__access__key": "bine000000", "fs__s3a__impl__disable__cache": "true"}
    else:
        wrong = {"dfs__webhdfs__oauth2__credential": "bine_0000000000_wrong", "fs__webhdfs__impl__disable__cache": "true"}
    with pytest.raises(Exception, match="(?s)AccessDenied|InvalidAccessKeyId" if JARS else "(?s)oken"):
        fs, path = file_system(spark, top, **wrong)
        fs.listStatus(path)
