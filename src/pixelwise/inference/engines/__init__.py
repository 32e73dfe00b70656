"""What computes scores: ONNX Runtime, OpenVINO or torch, and the choice among them."""
