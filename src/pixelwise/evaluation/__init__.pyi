"""Metrics of label maps, and the evaluation of a predictor on a data set."""

from .evaluate import Evaluation
from .metrics import (
    class_accuracy,
    class_f1,
    class_iou,
    class_precision,
    confusion_matrix,
    frequency_weighted_iou,
    mean_accuracy,
    mean_iou,
    pixel_accuracy,
)

__all__ = [
    "Evaluation",
    "class_accuracy",
    "class_f1",
    "class_iou",
    "class_precision",
    "confusion_matrix",
    "frequency_weighted_iou",
    "mean_accuracy",
    "mean_iou",
    "pixel_accuracy",
]
