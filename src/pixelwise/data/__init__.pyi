"""Labelled images from files: one module per source, one form for all of them."""

from .class_map import ClassMap, parse_classes
from .sample import Entry, LabelledImages, Sample
from .spec import SOURCES, open_dataset, open_splits

__all__ = [
    "SOURCES",
    "ClassMap",
    "Entry",
    "LabelledImages",
    "Sample",
    "open_dataset",
    "open_splits",
    "parse_classes",
]
