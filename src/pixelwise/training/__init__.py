"""Fitting a net to labelled images."""
