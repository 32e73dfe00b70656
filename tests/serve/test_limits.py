"""What one client, or all together, cannot do to the service."""

import contextlib
import io
import socket
import struct
import threading
import zlib
from collections.abc import Iterator
from unittest.mock import Mock

import httpx
import numpy as np
import pytest
from fastapi import FastAPI, Response
from PIL import Image
from running_service import PATIENCE, connection, everything, running, until
from tiny_model import tiny_info

from pixelwise.core.errors import ModelError
from pixelwise.core.types import RGBImage, Scores
from pixelwise.inference.predictor import Predictor
from pixelwise.serve import Limits, create_app
from pixelwise.serve import running as http


class HeldEngine:
    """Scores wait until they are let go."""

    threads = 1

    def __init__(self) -> None:
        self.let_go, self.begun = threading.Event(), threading.Semaphore(0)

    def scores(self, image: RGBImage) -> Scores:
        self.begun.release()
        assert self.let_go.wait(30)
        return np.zeros((4, *image.shape[:2]), np.float32)


class FailingEngine:
    threads = 1

    def scores(self, image: RGBImage) -> Scores:
        raise ModelError("/srv/models/secret.onnx failed on an image of 30x40")


@pytest.fixture
def held() -> HeldEngine:
    return HeldEngine()


@pytest.fixture
def narrow(held: HeldEngine) -> Iterator[httpx.Client]:
    """A service with one worker and two places, whose net waits."""
    limits = Limits(workers=1, places=2, answer_seconds=30)
    with running(create_app({"held": Predictor(held, tiny_info())}, limits)) as client:
        try:
            yield client
        finally:
            held.let_go.set()


@pytest.fixture(scope="module")
def strict(tiny: Predictor) -> Iterator[httpx.Client]:
    """A service with small limits."""
    with running(create_app({"tiny": tiny}, Limits(most_bytes=20_000, most_pixels=5000))) as client:
        yield client


def taken(client: httpx.Client) -> float:
    """The number of places that are taken."""
    lines = client.get("/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith("pixelwise_places_taken ")).split()[1])


statuses: list[int] = []
"""Of the answers to `in_threads`."""


def in_threads(client: httpx.Client, picture: bytes, count: int) -> list[threading.Thread]:
    """Threads that each send the picture on a connection of their own."""
    address = f"{client.base_url}/v1/segment"

    def send() -> None:
        statuses.append(httpx.post(address, content=picture, timeout=30).status_code)

    threads = [threading.Thread(target=send) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_beyond_the_places_a_request_is_told_to_come_back(
    narrow: httpx.Client, held: HeldEngine, picture: bytes
) -> None:
    statuses.clear()
    waiting = in_threads(narrow, picture, 2)
    until(lambda: taken(narrow) == 2)
    refused = narrow.post("/v1/segment", content=picture)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json() == {"error": "all 2 places are taken", "hint": "send it again later"}
    held.let_go.set()
    for thread in waiting:
        thread.join(30)
    assert statuses == [200, 200]
    assert taken(narrow) == 0
    assert narrow.post("/v1/segment", content=picture).status_code == 200


def test_an_answer_that_is_late_is_refused_and_its_place_stays_taken_until_its_job_ends(
    held: HeldEngine, picture: bytes
) -> None:
    limits = Limits(workers=1, places=1, answer_seconds=0.2)
    with running(create_app({"held": Predictor(held, tiny_info())}, limits)) as client:
        late = client.post("/v1/segment", content=picture)
        assert (late.status_code, late.headers["retry-after"]) == (503, "1")
        assert client.post("/v1/segment", content=picture).status_code == 429
        held.let_go.set()
        until(lambda: taken(client) == 0)


def test_a_client_that_leaves_frees_its_place_before_its_job_begins(
    narrow: httpx.Client, held: HeldEngine, picture: bytes
) -> None:
    waiting = in_threads(narrow, picture, 1)
    held.begun.acquire(timeout=30)
    head = f"POST /v1/segment HTTP/1.1\r\nHost: x\r\nContent-Length: {len(picture)}\r\n\r\n"
    with connection(narrow) as opened:
        opened.sendall(head.encode() + picture)
        until(lambda: taken(narrow) == 2)
    until(lambda: taken(narrow) == 1)
    held.let_go.set()
    waiting[0].join(30)
    assert not held.begun.acquire(blocking=False)


def test_a_running_request_is_answered_when_the_service_stops(held: HeldEngine, picture: bytes) -> None:
    statuses.clear()
    with running(create_app({"held": Predictor(held, tiny_info())})) as client:
        waiting = in_threads(client, picture, 1)
        held.begun.acquire(timeout=30)
        threading.Timer(0.3, held.let_go.set).start()
    waiting[0].join(30)
    assert statuses == [200]


def png(width: int, height: int, rows: bytes = b"") -> bytes:
    """A PNG that claims a size."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        parts += [struct.pack(">I", len(data)), kind, data, checksum]
    return b"".join(parts)


@pytest.mark.parametrize("size", [(100_000, 100_000), (20_000, 20_000), (71, 71), (2**31 - 1, 1)])
def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(
    strict: httpx.Client, size: tuple[int, int]
) -> None:
    refused = strict.post("/v1/segment", content=png(*size))
    assert refused.status_code in (400, 413)
    assert "expected at most" in refused.json()["error"]


def test_a_body_of_too_many_bytes_is_refused_by_its_length_and_by_its_count(strict: httpx.Client) -> None:
    for content in (bytes(20_001), iter([bytes(15_000), bytes(15_000)])):
        refused = strict.post("/v1/segment", content=content)
        assert refused.status_code == 413
        assert refused.json()["error"] == "expected a body of at most 20,000 bytes"


@pytest.mark.parametrize("head", ["Content-Length: 30000000", "Transfer-Encoding: chunked"])
def test_a_client_that_goes_on_sending_gets_its_answer(
    strict: httpx.Client, monkeypatch: pytest.MonkeyPatch, head: str
) -> None:
    monkeypatch.setattr(http, "LINGER_SECONDS", PATIENCE)
    body = bytes(30_000_000) if "Length" in head else b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    with connection(strict) as opened:
        opened.sendall(f"POST /v1/segment HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode() + body)
        assert everything(opened).startswith(b"HTTP/1.1 413 ")
    until(lambda: taken(strict) == 0)


def test_a_client_that_never_stops_sending_is_cut_off(
    strict: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LINGER_SECONDS", 0.2)
    with connection(strict) as opened:
        opened.sendall(b"POST /v1/segment HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
        with pytest.raises(ConnectionError):
            for _ in range(100_000):
                opened.sendall(bytes(100_000))


def test_a_session_is_limited_as_well(strict: httpx.Client) -> None:
    assert strict.post("/v1/sessions", content=png(20_000, 20_000)).status_code == 413
    assert strict.post("/v1/sessions/none/result", content=bytes(20_001)).status_code == 413


def test_a_body_that_does_not_arrive_in_time_is_refused(tiny: Predictor, picture: bytes) -> None:
    with running(create_app({"tiny": tiny}, Limits(body_seconds=0.2))) as client:
        session = client.post("/v1/sessions", content=picture).json()["session"]
        results = f"/v1/sessions/{session}/result"
        for path, kind in (("/v1/segment", "image/png"), (results, "application/json")):
            with connection(client) as opened:
                opened.sendall(unfinished(path, kind))
                assert everything(opened).startswith(b"HTTP/1.1 408 ")
        until(lambda: taken(client) == 0)


def test_a_body_has_a_place_while_it_arrives(tiny: Predictor, picture: bytes) -> None:
    with running(create_app({"tiny": tiny}, Limits(places=1))) as client:
        session = client.post("/v1/sessions", content=picture).json()["session"]
        results = f"/v1/sessions/{session}/result"
        for path, kind in (
            ("/v1/segment", "image/png"), ("/v1/sessions", "image/png"), (results, "application/json")
        ):  # fmt: skip
            with connection(client) as opened:
                opened.sendall(unfinished(path, kind))
                until(lambda: taken(client) == 1)
                assert client.post(results, json={}).status_code == 429
            until(lambda: taken(client) == 0)
        with connection(client) as opened:
            opened.sendall(unfinished("/v1/sessions/none/result", "application/json"))
            assert everything(opened).startswith(b"HTTP/1.1 404 ")


def unfinished(path: str, kind: str) -> bytes:
    """The head of a request and the first of its bytes."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: 1000"
    return f"{head}\r\n\r\n".encode() + bytes(10)


def test_a_head_that_does_not_arrive_in_time_ends_the_connection(
    strict: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connection(strict) as answered:
        answered.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answered.recv(1000).startswith(b"HTTP/1.1 200 OK")
        monkeypatch.setattr(http, "HEADER_SECONDS", 0.2)
        answered.sendall(b"GET /heal")
        assert b"HTTP" not in everything(answered)
    for sent in (b"", b"GET /health HTTP/1.1\r\nX-Slow: "):
        with connection(strict) as opened:
            opened.sendall(sent)
            assert everything(opened) == b""


def test_an_answer_that_is_not_read_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "READ_SECONDS", 0.1)
    content, app, dropped = bytes(30_000_000), FastAPI(), threading.Event()
    look = http.PromptProtocol._expect_less

    def watched(protocol: http.PromptProtocol, before: int) -> None:
        look(protocol, before)
        if protocol.transport.is_closing():
            dropped.set()

    monkeypatch.setattr(http.PromptProtocol, "_expect_less", watched)

    @app.get("/large")
    async def large() -> Response:
        return Response(content)

    with running(app) as client, connection(client) as opened:
        opened.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert dropped.wait(30)
        assert 0 < len(everything(opened)) < len(content)


@pytest.mark.parametrize(("left", "dropped"), [(900_000, False), (900_001, True), (1_000_000, True)])
def test_an_answer_that_is_read_slowly_goes_on(left: int, dropped: bool) -> None:
    protocol = http.PromptProtocol.__new__(http.PromptProtocol)
    protocol.transport, protocol.loop = Mock(), Mock()
    protocol.transport.get_write_buffer_size.return_value = left
    protocol._expect_less(1_000_000)
    assert protocol.transport.abort.called == dropped
    assert protocol.loop.call_later.called != dropped


def test_a_huge_head_is_refused(strict: httpx.Client) -> None:
    with connection(strict) as opened:
        with contextlib.suppress(ConnectionError):
            opened.sendall(b"GET /health HTTP/1.1\r\nX-Large: " + b"a" * 1_000_000)
        assert b"200 OK" not in everything(opened)
    assert strict.get("/health").status_code == 200


GARBAGE = {
    "nothing": b"",
    "noise": np.random.default_rng(0).bytes(5000),
    "text": b"a cat",
    "a page": b"<html><img src=x></html>",
    "an address": b"http://127.0.0.1:9/cat.jpg",
    "a path": b"/etc/passwd",
    "a drawing": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
    "a program": b"\x7fELF" + bytes(500),
    "PostScript": b"%!PS-Adobe-3.0\n(/etc/passwd) (r) file\n",
    "half a PNG": png(40, 30)[:40],
    "an empty PNG": png(40, 30),
    "no pixels": png(0, 0),
    "half a JPEG": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_what_is_not_a_picture_is_refused_in_one_sentence(strict: httpx.Client, name: str) -> None:
    refused = strict.post("/v1/segment", content=GARBAGE[name])
    assert refused.status_code == 400
    error = refused.json()["error"]
    assert "picture" in error
    assert "\n" not in error


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "application/x-www-form-urlencoded", "€"])
def test_other_content_types_are_refused(strict: httpx.Client, picture: bytes, kind: str) -> None:
    headers = [(b"Content-Type", kind.encode())]
    assert strict.post("/v1/segment", content=picture, headers=headers).status_code == 415


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Starlette's part of a file
@pytest.mark.parametrize(
    "body",
    [
        b"--x\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n",
        b"--x\r\nContent-Disposition: form-data; name=url\r\n\r\nhttp://127.0.0.1:9/cat.jpg\r\n--x--\r\n",
        b"--x\r\n" * 500,
        b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\n/etc/passwd\r\n--x--\r\n",
        b"no border at all",
    ],
)
def test_forms_that_hold_no_file_are_refused(strict: httpx.Client, body: bytes) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert strict.post("/v1/segment", content=body, headers=headers).status_code == 400


def test_raw_garbage_ends_its_own_connection_only(strict: httpx.Client) -> None:
    random = np.random.default_rng(1)
    for sent in (
        b"\x00" * 100,
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        *(random.bytes(300) for _ in range(20)),
    ):
        with connection(strict) as opened:
            opened.sendall(sent + b"\r\n\r\n")
            opened.shutdown(socket.SHUT_WR)
            assert b"200 OK" not in everything(opened)
    assert strict.get("/health").json() == {"status": "ok"}


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static//etc/passwd",
        "/static/%00",
        "/static/....//app.py",
        "/..%5c..%5cpyproject.toml",
        "/etc/passwd",
        "/v1/sessions/..%2f..%2fetc%2fpasswd/result",
    ],
)
def test_no_path_leads_to_the_disk(strict: httpx.Client, path: str) -> None:
    with connection(strict) as opened:
        opened.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = everything(opened)
    assert answer.split()[1] in (b"404", b"405")
    assert b"root:" not in answer
    assert b"import" not in answer


def test_a_failure_of_the_model_tells_clients_no_path(picture: bytes) -> None:
    with running(create_app({"failing": Predictor(FailingEngine(), tiny_info())})) as client:
        answer = client.post("/v1/segment", content=picture)
    assert answer.status_code == 500
    assert answer.json()["error"] == "the model failed on this picture"
    assert "srv" not in answer.text
    assert "content-security-policy" in answer.headers


def test_every_answer_has_a_strict_policy(strict: httpx.Client) -> None:
    for path in ("/", "/health", "/nowhere", "/metrics", "/v1/models"):
        policy = strict.get(path).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
        assert "http" not in policy


def test_a_key_opens_everything_but_the_page(tiny: Predictor, picture: bytes) -> None:
    with running(create_app({"tiny": tiny}, key="opensesame")) as client:
        assert client.get("/health").status_code == 200
        for given in (None, "Bearer wrong", "Bearer", "Basic opensesame", "opensesame", "Bearer opensesame2"):
            headers = {} if given is None else {"Authorization": given}
            for path in ("/v1/segment", "/v1/sessions", "/metrics"):
                refused = client.post(path, content=picture, headers=headers)
                assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        right = {"Authorization": "Bearer opensesame"}
        assert client.post("/v1/segment", content=picture, headers=right).status_code == 200
        assert client.get("/metrics", headers=right).status_code == 200


@pytest.mark.parametrize("key", [" ", "secret\n", " secret", "two words", "schl\u00fcssel", "\x1b"])
def test_a_key_that_no_client_could_send_is_an_error(tiny: Predictor, key: str) -> None:
    with pytest.raises(ValueError, match="API key"):
        create_app({"tiny": tiny}, key=key)


@pytest.mark.parametrize("name", ["workers", "places", "most_bytes", "session_seconds"])
def test_limits_are_above_zero(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}=0"):
        Limits(**{name: 0})


def test_metrics_count_by_operation_and_make_no_label_of_what_clients_invent(
    tiny: Predictor, picture: bytes
) -> None:
    with running(create_app({"tiny": tiny})) as client:
        for _ in range(3):
            client.post("/v1/segment", content=picture)
        for number in range(5):
            client.get(f"/made-up/{number}")
        text = client.get("/metrics").text
    assert 'pixelwise_requests_total{path="/v1/segment",status="200"} 3.0' in text
    assert 'pixelwise_requests_total{path="other",status="404"} 5.0' in text
    assert 'pixelwise_pictures_total{model="tiny"} 3.0' in text
    assert "made-up" not in text


def test_a_picture_is_turned_upright(service: httpx.Client) -> None:
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[:, :20, 0] = 255
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(file, "JPEG", exif=exif.tobytes())
    found = service.post("/v1/segment", content=file.getvalue()).json()
    assert (found["width"], found["height"]) == (30, 40)
