from __future__ import annotations

import time

import pytest

import bine

pytest.importorskip("httpx")
pytest.importorskip("fsspec")

from bine.fs import BineFileSystem, _time  # noqa: E402
from bine.fs_file import file_error  # noqa: E402
from bine.sending import Upload  # noqa: E402


@pytest.mark.parametrize(
    "written, meant",
    [
        ("bine://demo/Resources/a.csv", "demo/Resources/a.csv"),
        ("bine://demo/Resources/", "demo/Resources"),
        ("/demo/a b#?.csv", "demo/a b#?.csv"),
        ("bine://", ""),
    ],
)
def test_paths(written, meant):
    assert BineFileSystem._strip_protocol(written) == meant


@pytest.mark.parametrize(
    "kind, message, wanted",
    [
        ("not_found", "a is not there", FileNotFoundError),
        ("forbidden", "you may not", PermissionError),
        ("unauthenticated", "who are you", PermissionError),
        ("conflict", "a is there already", FileExistsError),
        ("conflict", "a is a directory: list it", IsADirectoryError),
        ("conflict", "a is a file where a directory is needed", NotADirectoryError),
        ("conflict", "a is a directory that is not empty", OSError),
        ("invalid", "a is no path", ValueError),
        ("unavailable", "no answer", OSError),
        ("no_quota", "the project is full", OSError),
    ],
)
def test_errors_are_those_of_files(kind, message, wanted):
    assert type(file_error(bine.Error(message, kind), "demo/a")) is wanted


def test_times_of_the_wire():
    assert _time("2026-01-02T03:04:05.123456789Z").isoformat() == "2026-01-02T03:04:05.123456+00:00"
    assert _time("2026-01-02T03:04:05.1+02:00").isoformat() == "2026-01-02T03:04:05.100000+02:00"
    assert _time("2026-01-02T03:04:05Z").isoformat() == "2026-01-02T03:04:05+00:00"


def test_an_upload_has_an_end_only_when_it_is_finished():
    got, ended = [], []

    def send(content):
        got.extend(content)
        ended.append(True)

    upload = Upload(send)
    for piece in (b"one", b"", b"two"):
        upload.write(piece)
    upload.finish()
    assert b"".join(got) == b"onetwo" and ended

    del got[:], ended[:]
    upload = Upload(send)
    upload.write(b"one")
    upload.abort()
    assert not ended


def test_a_byte_of_the_last_piece_shows_that_the_writer_lives(monkeypatch):
    monkeypatch.setattr("bine.sending.SILENCE", 0.1)
    got = []
    upload = Upload(lambda content: got.extend(content))
    upload.write(b"abc")
    deadline = time.monotonic() + 10
    while len(got) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert got == [b"a", b"b"]  # and no more: the last byte waits for the end
    upload.finish()
    assert got == [b"a", b"b", b"c"]


def test_what_the_server_says_reaches_the_writer():
    def send(content):
        next(content)
        raise bine.Error("the project is full", "no_quota")

    upload = Upload(send)
    upload.write(b"one")
    upload.write(b"two")
    with pytest.raises(bine.Error, match="full"):
        upload.finish()
    with pytest.raises(bine.Error, match="full"):
        for _ in range(10):
            upload.write(b"more")
