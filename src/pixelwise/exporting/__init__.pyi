"""Trained nets as files that need no torch."""

from .onnx import export_onnx

__all__ = ["export_onnx"]
