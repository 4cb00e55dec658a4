"""A folder of Parquet files that belong together: what lies in it, and its manifest."""
