"""The right of one writer to a file."""

from __future__ import annotations

import os
import secrets
import socket
import threading
from types import TracebackType
from typing import Optional, Union

from .errors import Error
from .record import File, FileLease, read
from .transport import Transport

RENEW = 15.0  # seconds; a lease yields after a minute
PIECE = 16 << 20  # bytes that one request appends


class Writer:
    """The only writer of a file, from ``with`` to its end::

        with project.files.lease("Resources/log") as log:
            log.append(b"...")

    Nobody else appends to the file or cuts it meanwhile. Where another took the
    lease over, after a minute in which this program was silent, what is written
    is refused (``fenced``); while another has it, it is not given (``leased``).
    """

    def __init__(self, transport: Transport, project: str, path: str, holder: str = "") -> None:
        self._transport = transport
        self._project = project
        self._path = str(path).strip("/")
        self._holder = holder or f"{socket.gethostname()[:100]} (process {os.getpid()}) {secrets.token_hex(8)}"
        self._lease: Optional[FileLease] = None
        self._ended = threading.Event()
        self._renewing: Optional[threading.Thread] = None
        self.size = 0  #: of the file, in bytes, as far as this writer knows

    def _route(self, part: str) -> tuple[str, ...]:
        return ("projects", self._project, part, *self._path.split("/"))

    def __enter__(self) -> Writer:
        answer = self._transport.json("PUT", *self._route("leases"), json={"holder": self._holder}, safe=True)
        self._lease = read(FileLease, answer)
        self.size = self._lease.size
        self._renewing = threading.Thread(target=self._renew, name="bine-lease", daemon=True)
        self._renewing.start()
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._ended.set()
        if self._renewing is not None:
            self._renewing.join()
        lease, self._lease = self._lease, None
        if lease is not None:
            params = {"id": str(lease.id), "epoch": str(lease.epoch)}
            try:
                self._transport.send("DELETE", *self._route("leases"), params=params, safe=True)
            except Error:
                if kind is None:
                    raise

    def _renew(self) -> None:
        while not self._ended.wait(RENEW):
            body = {"id": self._held().id, "epoch": self._held().epoch}
            try:
                self._transport.json("PATCH", *self._route("leases"), json=body, safe=True)
            except Error as error:
                if error.kind == "fenced":
                    return  # the next write is told

    def _held(self) -> FileLease:
        if self._lease is None:
            raise Error(f"{self._path}: the lease has ended: write in its with block", kind="fenced")
        return self._lease

    def append(self, data: Union[bytes, str]) -> File:
        """Adds bytes at the end of the file; sending them again after a fault is harmless."""
        if isinstance(data, str):
            data = data.encode()
        file = File(path=self._path, size=self.size)
        for at in range(0, len(data), PIECE):
            params = {"offset": str(self.size), "lease": str(self._held().epoch)}
            answer = self._transport.json(
                "POST", *self._route("appends"), params=params, content=data[at : at + PIECE], safe=True,
                headers={"Content-Type": "application/octet-stream"},
            )
            file = read(File, answer)
            self.size = file.size
        return file

    def write(self, data: Union[bytes, str]) -> File:
        """Replaces the content of the file, whole or not at all."""
        if isinstance(data, str):
            data = data.encode()
        params = {"overwrite": "true", "lease": str(self._held().epoch)}
        answer = self._transport.json(
            "PUT", *self._route("files"), params=params, content=data, safe=True,
            headers={"Content-Type": "application/octet-stream"},
        )
        file = read(File, answer)
        self.size = file.size
        return file

    def truncate(self, size: int) -> File:
        """Cuts the file to its first bytes."""
        body = {"op": "truncate", "size": size, "lease": self._held().epoch}
        file = read(File, self._transport.json("POST", *self._route("files"), json=body))
        self.size = file.size
        return file
