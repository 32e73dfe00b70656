"""A convolutionalised classifier is the classifier on every window (Long et al. 2015, section 3.1)."""

import operator

import pytest
import torch
from classifiers import random_classifier, scores_of
from torch import fx, nn

from pixelwise.models.surgery.fully_convolutional import convolutionalize

TOLERANCE = 1e-4
"""Of scores whose standard deviation is 1."""

SIZES = [
    ("lenet", 32),
    ("alexnet", 224),
    ("alexnet", 227),
    ("vgg16", 224),
    ("googlenet", 224),
    ("resnet18", 224),
    ("squeezenet", 224),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size"), SIZES)
def test_on_an_image_of_the_classifiers_size_the_two_agree(name: str, size: int) -> None:
    net = random_classifier(name)
    image = torch.randn(2, 1 if name == "lenet" else 3, size, size)
    expected = scores_of(net, image)
    found = scores_of(convolutionalize(net, (size, size)), image)
    assert found.shape == (2, 10, 1, 1)
    assert torch.allclose(found[..., 0, 0], expected, atol=TOLERANCE * float(expected.std()))


# Padding puts zeros around the classifier's window, where the convolutional net sees the image; so the claim
# for windows inside a larger image cannot hold for nets that pad. It holds for the same nets without padding,
# whose smallest images are their receptive fields (AlexNet's and VGG16's are those of FCN's table 1).
WINDOWS = [("lenet", 32, 4), ("alexnet", 355, 32), ("vgg16", 404, 32), ("googlenet", 715, 32)]
WINDOWS += [("resnet18", 467, 32)]


def cut(maps: list[torch.Tensor]) -> list[torch.Tensor]:
    """Maps cut to the smallest of them around their middle."""
    height, width = (min(m.shape[axis] for m in maps) for axis in (2, 3))
    moved = [m[:, :, (m.shape[2] - height) // 2 :, (m.shape[3] - width) // 2 :] for m in maps]
    return [m[:, :, :height, :width] for m in moved]


def cut_sum(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    first, second = cut([first, second])
    return first + second


def cut_cat(maps: list[torch.Tensor], dim: int) -> torch.Tensor:
    return torch.cat(cut(maps), dim)


def without_padding(net: nn.Module) -> fx.GraphModule:
    """The net with all paddings 0; maps that then differ in size are cut where they are added or joined."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.padding = (0, 0)
        if isinstance(module, nn.MaxPool2d):
            module.padding, module.ceil_mode = 0, False
    graph = fx.symbolic_trace(net)
    for node in graph.graph.nodes:
        if node.target in (operator.add, operator.iadd):
            node.target = cut_sum
        if node.target is torch.cat:
            node.target = cut_cat
    graph.recompile()
    return graph


@pytest.mark.slow
@pytest.mark.parametrize(("name", "size", "stride"), WINDOWS)
def test_every_window_of_a_larger_image_gets_the_classifiers_scores(
    name: str, size: int, stride: int
) -> None:
    net = random_classifier(name)
    if name != "lenet":
        net = without_padding(net)
    rows, columns = (1, 2) if name == "googlenet" else (2, 3)
    height, width = size + (rows - 1) * stride, size + (columns - 1) * stride
    image = torch.randn(1, 1 if name == "lenet" else 3, height, width)
    found = scores_of(convolutionalize(net, (size, size)), image)
    assert found.shape == (1, 10, rows, columns)
    for row in range(rows):
        for column in range(columns):
            window = image[..., row * stride :, column * stride :][..., :size, :size]
            expected = scores_of(net, window)[0]
            assert torch.allclose(found[0, :, row, column], expected, atol=TOLERANCE * float(expected.std()))
    assert not torch.allclose(found[..., :1, :1], found, atol=10 * TOLERANCE * float(found.std()))


def test_cells_of_a_net_that_pads_differ_from_the_classifier_by_its_zeros() -> None:
    net = random_classifier("alexnet")
    image = torch.randn(1, 3, 224 + 32, 224)
    found = scores_of(convolutionalize(net, (224, 224)), image)[0, :, 1, 0]
    expected = scores_of(net, image[:, :, 32:])[0]
    assert 1e-3 < (found - expected).std() / expected.std() < 1


def test_dropping_the_average_gives_the_scores_that_it_averages() -> None:
    net = random_classifier("googlenet")
    image = torch.randn(1, 3, 224, 224)
    cells = scores_of(convolutionalize(net, (224, 224), pooling="drop"), image)
    assert cells.shape == (1, 10, 7, 7)
    assert torch.allclose(cells.mean((2, 3)), scores_of(net, image), atol=TOLERANCE)


def test_layers_keep_their_names_and_the_classifier_stays_as_it_is() -> None:
    net = random_classifier("vgg16")
    graph = convolutionalize(net, (224, 224))
    assert set(graph.state_dict()) == set(net.state_dict())
    assert graph.get_submodule("classifier.0").weight.shape == (32, 64, 7, 7)
    assert isinstance(net.get_submodule("classifier.0"), nn.Linear)


def test_softmax_goes_over_classes() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 16, 5), nn.Softmax(dim=-1)).eval()
    found = scores_of(convolutionalize(net, (6, 6)), torch.randn(1, 1, 9, 8))
    assert torch.allclose(found.sum(1), torch.ones(1, 4, 3))


@pytest.mark.parametrize(
    ("net", "complaint"),
    [
        (nn.Sequential(nn.Linear(4, 2)), "no convolution"),
        (nn.Sequential(nn.Conv2d(1, 2, 3)), "flattens its last map in an unknown way"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.BatchNorm1d(32)), "2 behind the flattening"),
        (nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(3), nn.Flatten()), "not equal windows"),
    ],
)
def test_what_has_no_convolutional_form_is_named(net: nn.Module, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        convolutionalize(net, (6, 6))
