"""Pictures from URLs: what is fetched, what is refused, and how long a hostile server can keep us."""

import io
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hostile_server import HOSTILE, Server, redirect, served, sound
from PIL import Image

from pixelwise.core.errors import ImageError
from pixelwise.inference.outputs.records import Identity, Record
from pixelwise.inference.predictor import Predictor
from pixelwise.inference.segment_files import run
from pixelwise.inference.sources.tasks import plan
from pixelwise.inference.sources.urls import fetched, is_public, is_url, name_of, shown_url

SLOW = "the server is too slow"


def png() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (6, 4), (255, 0, 0)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def server() -> Iterator[Server]:
    answers = {
        **HOSTILE,
        "/red.png": sound(png()),
        "/moved.png": redirect("red.png?moved"),
        "/unnamed": lambda request: request.send(png()),
    }
    with served(answers) as running:
        yield running


def test_a_picture_is_fetched_and_its_results_are_named_after_the_url(
    predictor: Predictor, server: Server, tmp_path: Path
) -> None:
    predictor.allow_private_urls = True
    for path in ("/red.png", "/moved.png", "/unnamed"):
        result = predictor(server.url + path)
        assert (result.size, result.areas()[0].name) == ((4, 6), "red")
    assert server.paths[1:3] == ["/moved.png", "/red.png?moved"]
    sources = [f"{server.url}/red.png?size=2#top", f"{server.url}/moved.png", f"{server.url}/none.png"]
    tasks = plan(sources, tmp_path / "out", allow_private_urls=True)
    outcomes = list(run(predictor, tasks, tmp_path / "out"))
    assert [sorted(outcome.outputs) for outcome in outcomes] == [["mask", "overlay"]] * 2 + [[]]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == [
        "moved_mask.png",
        "red_mask.png",
    ]
    assert str(outcomes[2].problem) == f"{sources[2]}: the server answered 404 Not Found"
    again = list(run(predictor, tasks[:2], tmp_path / "out"))
    assert [outcome.skipped for outcome in again] == [True, True], "the content is the same"
    server.answers["/red.png"] = sound(png() + b"more")
    assert [outcome.skipped for outcome in run(predictor, tasks[:2], tmp_path / "out")] == [False, False]


def test_a_token_in_a_url_is_not_written_and_tells_pictures_apart(
    predictor: Predictor, server: Server, tmp_path: Path
) -> None:
    predictor.allow_private_urls = True
    urls = [f"{server.url}/red.png?id=1&token=SECRET", f"{server.url}/red.png?id=2&token=SECRET"]

    def made(given: list[str]) -> list[tuple[str, bool]]:
        tasks = plan(given, tmp_path / "out", allow_private_urls=True)
        kinds = ("mask", "labelme", "geojson")
        outcomes = list(run(predictor, tasks, tmp_path / "out", kinds))
        return [(outcome.outputs["mask"].name, outcome.skipped) for outcome in outcomes]

    assert made(urls) == [("red_mask.png", False), ("red_png_mask.png", False)]
    assert made(urls[::-1]) == [("red_png_mask.png", True), ("red_mask.png", True)]
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert len(files) == 8
    assert not [path for path in files if b"SECRET" in path.read_bytes()]


def test_records_that_hold_a_whole_url_are_still_known() -> None:
    url = "https://host/a.png?token=SECRET"
    identity = Identity.of_content(url, b"content")
    assert "SECRET" not in identity.source
    new = Record(identity, "model").to_json()
    old = json.dumps(json.loads(new) | {"picture": {**json.loads(new)["picture"], "source": url}})
    assert Record.from_json(old.encode()) == Record.from_json(new.encode()) == Record(identity, "model")


def test_a_private_address_is_refused_unless_allowed(predictor: Predictor, server: Server) -> None:
    port = server.url.rpartition(":")[2]
    hosts = (
        "127.0.0.1",
        "localhost",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f.1",
        "127.1",
    )
    for host in hosts:
        with pytest.raises(ImageError, match="a private address, which is not fetched from") as caught:
            predictor(f"http://{host}:{port}/red.png")
        assert "--allow-private-urls" in str(caught.value)
    assert server.paths == [], "nothing was asked for"
    for url in ("file:///etc/hostname", "FILE:///etc/hostname"):
        with pytest.raises(ImageError, match="is not read"):
            predictor(url)


def test_file_urls_are_read_if_allowed(predictor: Predictor, tmp_path: Path) -> None:
    path = tmp_path / "a b.png"
    path.write_bytes(png())
    predictor.allow_private_urls = True
    assert predictor(path.as_uri()).size == (4, 6)
    (task,) = plan([path.as_uri()], tmp_path / "out", allow_private_urls=True)
    assert (task.path, str(task.stem)) == (path, "a b")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("10.0.0.1", False), ("172.16.0.1", False),
        ("192.168.1.1", False), ("169.254.169.254", False), ("127.0.0.1", False), ("0.0.0.0", False),
        ("100.64.0.1", False), ("224.0.0.1", False), ("240.0.0.1", False), ("255.255.255.255", False),
        ("::", False), ("::1", False), ("fe80::1%eth0", False), ("fc00::1", False), ("ff02::1", False),
        ("::ffff:10.0.0.1", False), ("64:ff9b::7f00:1", False), ("2002:7f00:1::", False),
        ("::ffff:8.8.8.8", True), ("64:ff9b::808:808", True), ("fec0::1", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) == public


def test_a_redirect_to_a_private_address_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first host counts as public here; the address of the second is checked as well."""
    port = int(server.url.rpartition(":")[2])
    server.answers["/inside.png"] = redirect(f"http://127.0.0.1:{port}/red.png")
    monkeypatch.setattr(socket, "getaddrinfo", resolver({"outside.test": ["8.8.8.8"]}))
    monkeypatch.setattr(socket, "create_connection", lambda *_: connect(("127.0.0.1", port)))
    with pytest.raises(ImageError, match=r"^http://outside\.test/inside\.png: 127\.0\.0\.1 is a private a"):
        fetched("http://outside.test/inside.png")
    assert server.paths == ["/inside.png"]


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that answers the second question with a private address is not asked again."""
    asked: list[str] = []
    reached: list[tuple[str, int]] = []

    def rebinding(host: str, port: object, **_: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(0, 0, 0, "", ("8.8.8.8" if len(asked) == 1 else "127.0.0.1", 80))]

    def connection(address: tuple[str, int], _: float) -> socket.socket:
        reached.append(address)
        raise ConnectionRefusedError(111, "refused")

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(socket, "create_connection", connection)
    with pytest.raises(ImageError, match="cannot be fetched: refused"):
        fetched("http://rebinding.test/a.png")
    assert (asked, reached) == (["rebinding.test"], [("8.8.8.8", 80)])


def test_an_address_that_does_not_answer_is_followed_by_the_next(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(server.url.rpartition(":")[2])
    tried: list[str] = []

    def connection(address: tuple[str, int], _: float) -> socket.socket:
        tried.append(address[0])
        if address[0] != "9.9.9.9":
            raise OSError(101, "Network is unreachable")
        return connect(("127.0.0.1", port))

    monkeypatch.setattr(socket, "getaddrinfo", resolver({"two.test": ["8.8.8.8", "9.9.9.9"]}))
    monkeypatch.setattr(socket, "create_connection", connection)
    assert fetched("http://two.test/red.png") == png()
    assert tried == ["8.8.8.8", "9.9.9.9"]


def test_a_host_with_one_private_address_among_others_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", resolver({"both.test": ["8.8.8.8", "10.0.0.1"]}))
    with pytest.raises(ImageError, match=r"both\.test \(10\.0\.0\.1\) is a private address"):
        fetched("http://both.test/a.png")


real_addresses = socket.getaddrinfo
connect = socket.create_connection


def resolver(known: dict[str, list[str]]) -> Any:
    def addresses(host: str, *rest: Any, **named: Any) -> Any:
        if host in known:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in known[host]]
        return real_addresses(host, *rest, **named)

    return addresses


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/endless.png", "expected at most 1 MB, got more"),
        ("/dripping.png", SLOW),
        ("/dripping_without_end.png", SLOW),
        ("/dripping_header.png", SLOW),
        ("/silent.png", SLOW),
        ("/shorter.png", "the server announced 5000 bytes and sent 4"),
        ("/large.png", "expected at most 1 MB, got 1000000 MB"),
        ("/chunks.png", "cannot be fetched"),
        ("/bomb.png", r"the server sent compressed data \(gzip\), which was not asked for"),
        ("/no_http.png", "cannot be fetched"),
        ("/page.png", "expected an image, got text/html"),
        ("/clip.mp4", "expected an image, got video/mp4"),
        ("/empty.png", "expected a picture, got no bytes"),
        ("/loop.png", "more than 5 redirects"),
        ("/file.png", r"expected the http\(s\) URL of a picture, got file:///etc/hostname"),
        ("/nowhere.png", "more than 5 redirects"),
        ("/escape.png", "escape.png: "),
    ],
)
def test_hostile_servers_end_in_one_clear_line(server: Server, path: str, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        fetched(server.url + path, True, most_bytes=1_000_000, seconds=0.5 if message == SLOW else 30)
    assert caught.value.message.startswith(f"{server.url}{path}: ")
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 500


def test_a_connection_that_comes_after_the_deadline_is_not_read(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server sends a byte now and then, and nothing would cut a connection that comes this late."""

    def slow(address: tuple[str, int], _: float) -> socket.socket:
        opened = connect(address)
        assert server.stop.wait(0.1) is False
        return opened

    monkeypatch.setattr(socket, "create_connection", slow)
    with pytest.raises(ImageError, match=SLOW):
        fetched(f"{server.url}/dripping.png", allow_private=True, seconds=0.05)
    assert server.paths == []


def test_addresses_that_do_not_answer_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of 30 addresses takes all the time that it is given, on a clock that stands still otherwise."""
    now, waits = [0.0], list[float]()

    def silent(_: object, timeout: float) -> socket.socket:
        waits.append(timeout)
        now[0] += timeout
        raise TimeoutError

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(socket, "getaddrinfo", resolver({"many.test": [f"8.8.8.{n}" for n in range(30)]}))
    monkeypatch.setattr(socket, "create_connection", silent)
    with pytest.raises(ImageError, match=SLOW):
        fetched("http://many.test/a.png", seconds=40)
    assert waits == [15, 15, 10]


def test_every_hostile_answer_is_tested(predictor: Predictor, server: Server) -> None:
    tested = {path for path, _ in test_hostile_servers_end_in_one_clear_line.pytestmark[0].args[1]}  # type: ignore[attr-defined]
    assert set(HOSTILE) - tested == {"/words.png"}
    predictor.allow_private_urls = True
    with pytest.raises(ImageError, match=r"words\.png: expected an image, got text$"):
        predictor(f"{server.url}/words.png")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://", r"expected the http\(s\) URL"),
        ("http://[::1/a.png", "not a URL"),
        ("http://host:99999/a.png", "not a URL"),
        ("http://user:secret@host.test/a.png", "URLs with a user name are not fetched"),
        ("http://user:x@secret@host.test/a.png", "URLs with a user name are not fetched"),
        ("http://user:secret/x@host.test/a.png", "not a URL"),
        ("http://user:a?secret@host.test/a.png", "not a URL"),
        ("http://user:secret\u2100@host.test/a.png", "not a URL"),
        ("http://host.invalid/a.png", "no address of host.invalid"),
        ("http://" + "a" * 300 + ".test/a.png", "no address of"),
        ("http://a..b/a.png", "no address of"),
        ("http://127.0.0.1:1/a.png", "cannot be fetched: Connection refused"),
    ],
)
def test_urls_that_lead_nowhere_are_named_without_passwords(url: str, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        fetched(url, allow_private=True)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ftp://me:secret@host/a.png", "ftp://host/a.png"),
        ("https://host:80/@joe/a.png", "https://host:80/@joe/a.png"),
        ("http://[::1]/@joe/a.png", "http://[::1]/@joe/a.png"),
        ("abfs://pictures@account.net/a.png", "abfs://pictures@account.net/a.png"),
        ("s3://pictures/a@b.png", "s3://pictures/a@b.png"),
        ("https://host/a.png?X-Amz-Signature=secret#top", "https://host/a.png?..."),
        ("abfs://pictures@account.net/a.png?sig=secret", "abfs://pictures@account.net/a.png?..."),
        ("zip://me:x@a.png::https://me:secret@host/x.zip?sig=y", "zip://a.png::https://host/x.zip?..."),
        ("https://host/a::b.png", "https://host/a::b.png"),
    ],
)
def test_messages_show_a_url_without_user_password_and_query(url: str, shown: str) -> None:
    assert shown_url(url) == shown


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://host/a/photo.jpg", "photo.jpg"),
        ("https://host/a/photo.jpg?x=/b.png#c", "photo.jpg"),
        ("https://host/a/", "a"),
        ("https://host", "host"),
        ("https://user:word@host:80", "host_80"),
        ("https://host/a%20b.png", "a b.png"),
        ("https://host/..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("https://host/..%5C..%5Cx.png", "x.png"),
        ("https://host/%2e%2e", "picture"),
        ("https://host/.hidden", "hidden"),
        ("https://host/a%00b%1b.png", "a_b_.png"),
        ("https://host/" + "n" * 500 + ".png", "n" * 120 + ".png"),
        ("http://[broken", "picture"),
    ],
)
def test_results_are_named_after_the_last_part_and_nothing_leads_elsewhere(url: str, name: str) -> None:
    assert name_of(url) == name


def test_paths_are_no_urls() -> None:
    assert [is_url(text) for text in ("a.png", "C://x", "/a://b", "http:/x", Path("s3://a"), "s3://a")] == [
        *[False] * 5, True,
    ]  # fmt: skip
