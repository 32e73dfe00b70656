"""Engines turn pixels into class scores: ONNX Runtime or OpenVINO for model files, torch for nets."""
