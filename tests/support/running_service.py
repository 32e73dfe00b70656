"""A service in a thread of this process, at a free port; and raw connections to it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
from fastapi import FastAPI

from pixelwise.serve.running import address_of, listening_socket, server_of

PATIENCE = 30  # seconds that a busy machine may take


@contextmanager
def running(app: FastAPI) -> Iterator[httpx.Client]:
    """A client of the application."""
    with listening_socket("127.0.0.1", 0) as listening:
        server = server_of(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            until(lambda: server.started)
            with httpx.Client(base_url=address_of(listening), timeout=PATIENCE) as client:
                yield client
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
    assert not thread.is_alive()


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition to come true."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


@contextmanager
def connection(client: httpx.Client) -> Iterator[socket.socket]:
    """A raw connection to the client's server."""
    address = urlsplit(str(client.base_url))
    with socket.create_connection((str(address.hostname), int(address.port or 0)), PATIENCE) as opened:
        yield opened


def everything(opened: socket.socket) -> bytes:
    """What the server sends until it closes the connection."""
    parts = []
    while True:
        try:
            part = opened.recv(65536)
        except ConnectionError:
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts)
