"""Pixelwise: a label for every pixel."""

__version__ = "0.1.0"
