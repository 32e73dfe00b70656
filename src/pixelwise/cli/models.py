"""`pixelwise models`: what ships, and what can be trained."""

from pixelwise.cli import options
from pixelwise.cli.models_report import show
from pixelwise.core.terminal import say_json

EXAMPLES = ("pixelwise models", "pixelwise models --json")


def models(as_json: options.JSON = False) -> None:
    """List the models that ship, and the nets that can be trained.

    The papers' nets have parameters, receptive field, stride, GFLOP for a 500x500 image, and accuracy. A
    multiply-add counts as 2 operations; convolutions and upsamplings are counted. The receptive field is that
    of the coarsest scores. From DeepLab's table 2: fov is the field of view, which counts fc6 alone, and
    img/s the speed of training. --json prints one object per model and net.
    """
    from pixelwise.workflows.listing import nets, shipped_models

    if not as_json:
        show(shipped_models(), nets())
        return
    for shipped, rows in ((True, shipped_models()), (False, nets())):
        for row in rows:
            say_json({"ships": shipped, **row})
