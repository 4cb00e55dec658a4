"""Inputs in object storage: images fetched one by one, and files of other formats downloaded."""
