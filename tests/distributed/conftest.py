"""One Ray cluster for all tests, of two processors and of a GPU that only Ray believes in. Its processes know
a store with S3's protocol.
"""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests on the cluster are slow. Ray copies its settings, deprecated ones too, which warns."""
    for item in items:
        if "ray_cluster" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.filterwarnings(r"ignore::DeprecationWarning:ray\."))


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """A free port, which the environment names as S3's, so that Ray's processes inherit that."""
    with socket.socket() as free, pytest.MonkeyPatch.context() as patch:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("RAY_worker_niceness", "0")  # on a busy machine workers would hardly run
        patch.setenv("NO_PROXY", ",".join(filter(None, (os.environ.get("NO_PROXY"), "127.0.0.1"))))
        support = str(Path(__file__).parents[1] / "support")  # for workers that kill themselves
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (support, os.environ.get("PYTHONPATH")))))
        free.close()
        yield port


@pytest.fixture(scope="session")
def ray_cluster(s3_port: int) -> Iterator[None]:
    ray = pytest.importorskip("ray", reason='needs pip install "pixelwise[distributed]"')
    ray.init(
        num_cpus=2,
        num_gpus=1,
        include_dashboard=False,
        object_store_memory=200_000_000,
        log_to_driver=False,
    )
    yield
    ray.shutdown()


@pytest.fixture
def s3(s3_port: int) -> Iterator[Any]:
    """The file system of a store on this machine, which has a bucket called "bucket"."""
    needs = 'needs pip install "moto[server]" s3fs'
    server = pytest.importorskip("moto.server", reason=needs)
    s3fs = pytest.importorskip("s3fs", reason=needs)
    running = server.ThreadedMotoServer("127.0.0.1", s3_port, verbose=False)
    running.start()
    files = s3fs.S3FileSystem(skip_instance_cache=True)
    files.mkdir("bucket")
    yield files
    running.stop()
