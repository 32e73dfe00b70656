"""Which samples a net learns from, and when."""
