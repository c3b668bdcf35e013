"""fsspec's own suites for file systems, on its WebHDFS client against a real server.

They take a minute, so only the long form (BINE_E2E_LONG=1) runs them; see test_webhdfs.py
for what it needs. What the client itself gets wrong, on any server, is mended here.
"""

from __future__ import annotations

import os
import uuid
from urllib.parse import urlsplit

import pytest

import bine

API, KEY = os.environ.get("BINE_TEST_API", ""), os.environ.get("BINE_TEST_KEY", "")
pytestmark = pytest.mark.skipif(not API or not os.environ.get("BINE_E2E_LONG"), reason="BINE_E2E_LONG or BINE_TEST_API is not set")
pytest.importorskip("fsspec")
pytest.importorskip("requests")

from fsspec.implementations.webhdfs import WebHDFS  # noqa: E402
from fsspec.tests import abstract  # noqa: E402


class Mended(WebHDFS):
    """The client, but it removes lists of paths, copies a directory as a directory and not as an
    empty file, and a file that is listed has no slash behind its name."""

    def cp_file(self, lpath, rpath, **options):
        if self.isdir(lpath):
            return self.makedirs(rpath, exist_ok=True)
        return super().cp_file(lpath, rpath, **options)

    def rm(self, path, recursive=False, **options):
        for one in [path] if isinstance(path, str) else sorted(path, reverse=True):
            super().rm(one, recursive=recursive, **options)

    def ls(self, path, detail=False, **options):
        found = super().ls(path, detail=True, **options)
        for info in found:
            info["name"] = info["name"].rstrip("/")
        return found if detail else sorted(info["name"] for info in found)


@pytest.fixture(scope="module")
def root():
    with bine.login(API, KEY) as client:
        name = os.environ.get("BINE_TEST_PROJECT") or f"ws{uuid.uuid4().hex[:8]}"
        if name not in client.projects():
            client.create_project(name)
        client.project(name).wait()
    return f"/Projects/{name}/Resources/{uuid.uuid4().hex}"


class Fixtures(abstract.AbstractFixtures):
    @pytest.fixture
    def fs(self):
        at = urlsplit(API)
        return Mended(host=at.hostname, port=at.port, use_https=at.scheme == "https", token=KEY, skip_instance_cache=True)

    @pytest.fixture
    def fs_path(self, fs, root):
        path = f"{root}/{uuid.uuid4().hex}"
        fs.makedirs(path)
        yield path
        fs.rm(path, recursive=True)

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
    @pytest.mark.skip(reason="the client does not know the mode xb")
    def test_open_exclusive(self):
        pass


class TestPipe(abstract.AbstractPipeTests, Fixtures):
    pass
