"""Choose the samples of each training step."""
