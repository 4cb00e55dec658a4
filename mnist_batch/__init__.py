"""Batch prediction and evaluation for MNIST-style digit classifiers."""
