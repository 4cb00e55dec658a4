"""Predictions to metrics, figures and reports."""
