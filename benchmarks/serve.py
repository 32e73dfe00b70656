"""`pixelwise serve` on loopback: pictures per second and latency for a growing number of clients.

    python benchmarks/serve.py [--model default] [--engine auto] [--clients 1,8,64,500] [--each 4]

Each client has a connection of its own and sends photos of 500x375 pixels one after another; after 429 it
waits as long as Retry-After says. Every mask is compared with that of the first answer; a wrong one ends the
program. `answered` is the time of the tries that were answered, `whole` that from the first try. The last
rows time the page's CRF: a changed width, which builds the lattice again, and one more iteration, which does
not.
"""

import argparse
import io
import sys
import time
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from http_load import load
from service_process import resident_megabytes, serving

ROOT = Path(__file__).parents[1]
PHOTOS = (
    "examples/chelsea.png",
    "examples/astronaut.png",
    "tests/photos/grace_hopper.jpg",
    "examples/camera.png",
)
CHANGES = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--clients", default="1,8,64,500")
    parser.add_argument("--each", type=int, default=4, help="pictures that each client sends")
    given = parser.parse_args()
    pictures = [encoded(name) for name in PHOTOS]
    service = serving("--model", given.model, "--engine", given.engine)
    with service as (address, process), httpx.Client(base_url=address, timeout=120) as client:
        accept = {"Accept": "image/png"}
        masks = []
        for picture in pictures:
            answer = client.post("/v1/segment", content=picture, headers=accept).raise_for_status()
            masks.append(answer.content)
        requests = list(zip(pictures, masks, strict=True))
        print("clients  pictures/s  answered p50, p99   whole p50, p99   429s  wrong  memory")
        for clients in map(int, given.clients.split(",")):
            began = time.perf_counter()
            found = load(address, requests, clients, given.each)
            rate = len(found.seconds) / (time.perf_counter() - began)
            print(
                f"{clients:7}  {rate:10.1f}  {spread(found.answered_seconds)}  {spread(found.seconds)}"
                f"  {found.statuses[429]:4}  {len(found.wrong):5}  {resident_megabytes(process):.0f} MB"
            )
            if found.wrong:
                sys.exit(f"a figure with wrong answers means nothing: {found.wrong[0]}")
        time_session(client, pictures[0])


def encoded(name: str) -> bytes:
    """A photo of 500x375 pixels as JPEG."""
    photo = Image.open(ROOT / name).convert("RGB").resize((500, 375))
    file = io.BytesIO()
    photo.save(file, "JPEG", quality=90)
    return file.getvalue()


def spread(seconds: list[float]) -> str:
    middle, last = np.percentile(seconds, (50, 99))
    return f"{middle:6.3f} s, {last:6.3f} s"


def time_session(client: httpx.Client, picture: bytes) -> None:
    path = f"/v1/sessions/{client.post('/v1/sessions', content=picture).json()['session']}/result"
    changes = {
        "a changed width": [{"theta_alpha": 40 + number} for number in range(CHANGES)],
        "one iteration more": [{"iterations": 10 + number} for number in range(CHANGES)],
    }
    for what, bodies in changes.items():
        client.post(path, json=bodies[0]).raise_for_status()
        seconds = []
        for body in bodies[1:]:
            began = time.perf_counter()
            client.post(path, json=body, headers={"Accept": "application/octet-stream"}).raise_for_status()
            seconds.append(time.perf_counter() - began)
        print(f"the page, {what}: {1000 * np.median(seconds):.0f} ms, at most {1000 * max(seconds):.0f} ms")


if __name__ == "__main__":
    main()
