"""INPUTs to record batches: listing, labels, and one module a format."""
