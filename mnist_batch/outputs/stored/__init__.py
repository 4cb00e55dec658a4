"""Outputs on object storage: they are made here, and uploaded whole."""
