"""A folder of Parquet files as output: its parts, their manifest, and the mark that it is whole."""
