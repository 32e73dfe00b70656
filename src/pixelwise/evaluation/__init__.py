"""Judging label maps."""
