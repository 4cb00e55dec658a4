"""Programs with more open files than `select.select` can count."""

MANY_OPEN_FILES = """
import os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (2_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
open_files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1_100)]
"""
"""How a program begins whose next file gets a number over 1,023."""
