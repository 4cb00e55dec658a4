"""Parquet files of images: their columns, row groups and pages."""
