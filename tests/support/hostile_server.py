"""A web server on this machine whose answers are hostile in the ways that a URL's path names."""

import contextlib
import gzip
import socketserver
import threading
from collections.abc import Callable, Iterator

Answer = Callable[["Request"], None]


class Request(socketserver.StreamRequestHandler):
    """One connection: reads the request, gives the answer that the server holds for its path."""

    def handle(self) -> None:
        line = self.rfile.readline().decode("latin-1").split()
        while self.rfile.readline().strip():
            pass
        server = self.server
        assert isinstance(server, Server)
        server.paths.append(line[1])
        with contextlib.suppress(OSError):
            server.answers.get(line[1].partition("?")[0], not_found)(self)

    def send(self, content: bytes, *headers: str, status: str = "200 OK") -> None:
        head = "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()
        self.wfile.write(head + content)


class Server(socketserver.ThreadingTCPServer):
    """answers: by path. paths: those asked for, in order. stop: set when the test is over."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, answers: dict[str, Answer]) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.answers, self.paths, self.stop = answers, list[str](), threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextlib.contextmanager
def served(answers: dict[str, Answer]) -> Iterator[Server]:
    """A server in a thread of its own, as long as the block runs."""
    with Server(answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.stop.set()
            server.shutdown()
            thread.join()


def not_found(request: Request) -> None:
    request.send(b"", "Content-Length: 0", status="404 Not Found")


def sound(content: bytes, kind: str = "image/png") -> Answer:
    return lambda request: request.send(content, f"Content-Type: {kind}", f"Content-Length: {len(content)}")


def redirect(target: str) -> Answer:
    return lambda request: request.send(b"", f"Location: {target}", "Content-Length: 0", status="302 Found")


def endless(request: Request) -> None:
    request.send(b"", "Content-Type: image/png")
    while not _stopped(request, 0):
        request.wfile.write(bytes(65_536))


def dripping(request: Request) -> None:
    request.send(b"", "Content-Type: image/png", "Content-Length: 100000")
    while not _stopped(request, 0.02):
        request.wfile.write(b"x")


def dripping_without_end(request: Request) -> None:
    request.send(b"", "Content-Type: image/png", "Connection: close")
    while not _stopped(request, 0.02):
        request.wfile.write(b"x")


def dripping_header(request: Request) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    while not _stopped(request, 0.02):
        request.wfile.write(b"x")


def silent(request: Request) -> None:
    _stopped(request, 60)


def shorter_than_announced(request: Request) -> None:
    request.send(b"\x89PNG", "Content-Type: image/png", "Content-Length: 5000")


def announced_too_large(request: Request) -> None:
    request.send(b"", "Content-Type: image/png", f"Content-Length: {10**12}")


def broken_chunks(request: Request) -> None:
    request.send(b"5\r\nhello\r\nnothing\r\n", "Content-Type: image/png", "Transfer-Encoding: chunked")


def gzip_bomb(request: Request) -> None:
    content = gzip.compress(bytes(10_000_000))
    request.send(
        content, "Content-Type: image/png", "Content-Encoding: gzip", f"Content-Length: {len(content)}"
    )


def no_http(request: Request) -> None:
    request.wfile.write(b"\x16\x03\x01 what is this\r\n\r\n")


HOSTILE: dict[str, Answer] = {
    "/endless.png": endless,
    "/dripping.png": dripping,
    "/dripping_without_end.png": dripping_without_end,
    "/dripping_header.png": dripping_header,
    "/silent.png": silent,
    "/shorter.png": shorter_than_announced,
    "/large.png": announced_too_large,
    "/chunks.png": broken_chunks,
    "/bomb.png": gzip_bomb,
    "/no_http.png": no_http,
    "/page.png": sound(b"<html>not a picture</html>", "text/html; charset=utf-8"),
    "/clip.mp4": sound(b"ftyp", "video/mp4"),
    "/empty.png": sound(b""),
    "/words.png": sound(b"just words"),
    "/loop.png": redirect("/loop.png"),
    "/file.png": redirect("file:///etc/hostname"),
    "/nowhere.png": redirect(""),
    "/escape.png": redirect("http://\x1b[31m/"),
}
"""One answer of each hostile kind, by path."""


def _stopped(request: Request, seconds: float) -> bool:
    server = request.server
    assert isinstance(server, Server)
    return server.stop.wait(seconds)
