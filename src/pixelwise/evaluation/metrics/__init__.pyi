"""Metrics of label maps, from arrays alone."""

from .confusion import (
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
