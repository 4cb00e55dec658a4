"""Predictions to files: Parquet, CSV, atomic writes, parts and resuming."""
