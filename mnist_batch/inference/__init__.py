"""Pixels to probabilities: predictors, batching and workers."""
