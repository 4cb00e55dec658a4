"""Predictions to numbers: metrics, mistakes, slices, comparisons."""
