"""Packed images to files: one Parquet file of raw pixels, or a folder of them."""
