"""Images of an evaluation that the model has learnt from, so that its figures on them are too good."""

from typing import Any

from pixelwise.core.fingerprints import unpacked
from pixelwise.data.checks.learnt_pictures import fingerprints_of
from pixelwise.data.sample import LabelledImages
from pixelwise.inference.predictor import Predictor


def learnt_by(predictor: Predictor, dataset: LabelledImages) -> int | None:
    """How many images of the data set the model learnt from, by content, or by the ids of VOC and CamVid;
    see data/checks/learnt_pictures.py. None if the model has no record, or if the images are not files.
    """
    if not predictor.info.learnt_from:
        return None
    learnt, pictures = unpacked(predictor.info.learnt_from), fingerprints_of(dataset)
    return sum(not learnt.isdisjoint(one) for one in pictures) if pictures else None


def learnt(known: int, images: int) -> str:
    """The sentence that the model learnt from `known` of the images."""
    if images == 1:
        return "Caution: the model learnt from this image."
    return f"Caution: the model learnt from {known:,} of these {images:,} images."


def cautions(result: dict[str, Any]) -> list[str]:
    """Sentences on such images, for readers of `Evaluation.to_dict`."""
    found = []
    if known := result["in_training"]:
        found.append(
            f"{learnt(known, result['images'])} Expect lower figures on pictures that it has not seen."
        )
    if left_out := result.get("left_out"):
        found.append(
            f"A net of the same kind that did not learn from this part of the data has a mean IoU of "
            f"{100 * left_out['mean_iou']:.2f} % here ({left_out['steps']:,} steps; from the model's card)."
        )
    return found
