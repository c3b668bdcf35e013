import datetime as dt, decimal
import pyarrow as pa, pyarrow.parquet as pq
n = 250
t = pa.table({
 "id": pa.array(range(n), pa.int64()),
 "small": pa.array([i % 7 - 3 for i in range(n)], pa.int8()),
 "name": pa.array([None if i % 5 == 4 else f"name <{i % 10}>" for i in range(n)]),
 "price": pa.array([i / 4 for i in range(n)], pa.float64()),
 "ratio": pa.array([i / 2 for i in range(n)], pa.float32()),
 "ok": pa.array([i % 3 == 0 for i in range(n)]),
 "day": pa.array([dt.date(2026, 3, 1) + dt.timedelta(days=i) for i in range(n)]),
 "at": pa.array([dt.datetime(2026, 3, 1, 12, 30) + dt.timedelta(seconds=i) for i in range(n)], pa.timestamp("us")),
 "tags": pa.array([[] if i % 4 == 0 else None if i % 4 == 1 else ["a", None, f"t{i}"] for i in range(n)], pa.list_(pa.string())),
 "sum": pa.array([decimal.Decimal(i) / 100 for i in range(n)], pa.decimal128(10, 2)),
 "raw": pa.array([bytes([0, 255, i % 256]) for i in range(n)], pa.binary()),
 "in": pa.array([{"a": i, "b": None if i == 1 else str(i)} for i in range(n)]),
})
import os
pq.write_table(t, "snappy.parquet", row_group_size=150)
pq.write_table(t, "zstd_v2.parquet", compression="zstd", data_page_version="2.0", version="2.6", use_dictionary=False, data_page_size=1024)
pq.write_table(t.drop(["sum","in"]), "gzip_delta.parquet", compression="gzip", data_page_version="2.0", use_dictionary=False,
  column_encoding={"id":"DELTA_BINARY_PACKED","small":"DELTA_BINARY_PACKED","name":"DELTA_BYTE_ARRAY","price":"BYTE_STREAM_SPLIT","ratio":"BYTE_STREAM_SPLIT","at":"DELTA_BINARY_PACKED","day":"DELTA_BINARY_PACKED","raw":"DELTA_LENGTH_BYTE_ARRAY","ok":"RLE","tags.list.element":"DELTA_BYTE_ARRAY"})
pq.write_table(t.select(["id","name"]), "plain.parquet", compression="none", use_dictionary=False)
pq.write_table(t.select(["id","name"]).slice(0, 0), "empty.parquet")
pq.write_table(t.select(["id"]), "brotli.parquet", compression="brotli")
for f in os.listdir("."): print(f, os.path.getsize(f))
