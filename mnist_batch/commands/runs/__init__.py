"""A run of `predict`, and all that it writes."""
