"""A store with S3's protocol on this machine: moto's server."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def s3_store(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Any]]:
    """Yields the name of a bucket and the file system, whose address is in the environment."""
    server = pytest.importorskip("moto.server", reason='needs pip install "moto[server]" s3fs')
    s3fs = pytest.importorskip("s3fs", reason='needs pip install "moto[server]" s3fs')
    running = server.ThreadedMotoServer(port=0, verbose=False)
    running.start()
    try:
        host, port = running.get_host_and_port()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        files = s3fs.S3FileSystem(skip_instance_cache=True)
        files.mkdir("bucket")
        yield "bucket", files
    finally:
        running.stop()
