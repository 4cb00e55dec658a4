"""Tables of one column per pixel."""
