"""Write predictions to files: Parquet and CSV, atomically, in parts that can be resumed."""
