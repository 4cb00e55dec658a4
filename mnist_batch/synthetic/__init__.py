"""Drawn digits, and pictures of them."""
