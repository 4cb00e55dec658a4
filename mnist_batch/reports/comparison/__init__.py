"""A comparison as a folder: its page, the rows that changed, and all numbers."""
