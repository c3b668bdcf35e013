"""Sending a file while it is still being made."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any, Callable, Optional

SILENCE = 15.0  # seconds; the server gives up an upload of which no byte comes for a minute
AHEAD = 4  # pieces that may wait to be sent


class Aborted(Exception):
    """Breaks an upload off; whoever aborted it does not see it."""


class Upload:
    """An upload whose content comes piece by piece.

    ``send`` is called in a thread of its own with the content to go through
    and ends when the server has answered. The last piece is held back: of it a
    byte goes out whenever nothing was written for a while, so that the server
    does not take a slow writer for a lost one, and the upload ends only by
    :meth:`finish`. Whatever else happens, the server gets no end of the content
    and keeps nothing of it.
    """

    def __init__(self, send: Callable[[Iterable[bytes]], Any]) -> None:
        self._pieces: "queue.Queue[Optional[bytes]]" = queue.Queue(AHEAD)
        self._failed: Optional[BaseException] = None
        self._aborted = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(send,), name="bine-upload", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Hands over the next piece; waits while the server is slower than the writer."""
        if data:
            self._put(data)

    def finish(self) -> None:
        """Ends the content, and waits until the server has it."""
        self._put(None)
        self._thread.join()
        if self._failed is not None:
            raise self._failed

    def abort(self) -> None:
        """Breaks off; the server keeps nothing."""
        self._aborted.set()
        self._thread.join()

    def _put(self, piece: Optional[bytes]) -> None:
        while True:
            if self._failed is not None:
                raise self._failed
            try:
                return self._pieces.put(piece, timeout=0.2)
            except queue.Full:
                continue

    def _run(self, send: Callable[[Iterable[bytes]], Any]) -> None:
        try:
            send(self._content())
        except Aborted:
            pass
        except BaseException as e:
            self._failed = e

    def _content(self) -> Iterator[bytes]:
        held = memoryview(b"")
        quiet = 0.0
        while True:
            if self._aborted.is_set():
                raise Aborted
            try:
                piece = self._pieces.get(timeout=0.1)
            except queue.Empty:
                quiet += 0.1
                if quiet >= SILENCE and len(held) > 1:
                    yield bytes(held[:1])
                    held, quiet = held[1:], 0.0
                continue
            quiet = 0.0
            if held:
                yield bytes(held)
            if piece is None:
                return
            held = memoryview(piece)
