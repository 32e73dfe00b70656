"""Metrics of label maps, and the evaluation of a predictor on a data set."""

from . import metrics
from .evaluation import Evaluation
from .metrics.confusion import (
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
    "metrics",
    "pixel_accuracy",
]
