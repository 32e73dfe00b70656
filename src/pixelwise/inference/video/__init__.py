"""Segment videos and cameras: read frames, smooth over time, write masks and overlaid videos."""
