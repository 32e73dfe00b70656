"""A .npy file is believed as far as its bytes reach."""

import os
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from pixelwise.core.errors import DataError
from pixelwise.data.formats.npy_arrays import read_array
from pixelwise.data.sample_files import ChannelFile, read_text


def lying(shape: str, content: bytes, kind: str = "<f4") -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + content


@pytest.mark.parametrize(
    "array", [np.arange(6.0).reshape(2, 3), np.zeros((0, 4)), np.asfortranarray(np.eye(3))]
)
def test_what_numpy_saves_is_read(tmp_path: Path, array: npt.NDArray[np.float64]) -> None:
    np.save(tmp_path / "a.npy", array)
    assert np.array_equal(read_array(tmp_path / "a.npy"), array)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (lying("(100000, 100000)", bytes(16)), "declares 40000000000 bytes, but it holds 16"),
        (lying("(2, 2)", bytes(400)), "declares 16 bytes, but it holds 400"),
        (lying("(-2, -2)", bytes(15)), "declares 16 bytes, but it holds 15"),
        (lying("(2,", bytes(16)), "not a .npy file"),
        (lying("(2,)", bytes(16), "|O"), "holds Python objects"),
        (b"", "not a .npy file"),
    ],
)
def test_a_header_that_lies_is_an_error_that_names_the_file(
    tmp_path: Path, content: bytes, complaint: str
) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DataError, match=rf"the channel .*a.npy cannot be read: .*{complaint}"):
        ChannelFile(tmp_path / "a.npy").read()


def test_an_array_beyond_the_memory_for_pictures_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(lying("(50000, 20000)", b""))
    os.truncate(path, path.stat().st_size + 4_000_000_000)  # a hole, which takes no space on the disk
    with pytest.raises(DataError, match=r"4.0 GB are more than 1.7 GB"):
        ChannelFile(path).read()


@pytest.mark.parametrize("name", ["pipe.npy", "zero.npy", "pipe.png", "zero.png"])
def test_pipes_and_devices_are_refused_at_once(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.startswith("pipe"):
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    for read in (ChannelFile(path).read, lambda: read_text(path, "channel")):
        with pytest.raises(DataError, match=rf"channel .*{name} cannot be read: .*device, pipe or socket"):
            read()
