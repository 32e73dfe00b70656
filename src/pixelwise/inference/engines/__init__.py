"""Engines that compute scores: ONNX Runtime, OpenVINO and torch, and the choice among them."""
