"""Find input pictures."""
