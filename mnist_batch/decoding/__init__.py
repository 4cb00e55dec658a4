"""Encoded images to pixels, within limits."""
