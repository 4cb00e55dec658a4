"""Files of which only the names matter."""

from pathlib import Path


def touch(folder: Path, *names: str) -> Path:
    """Write a one-byte file of each name, and the folders above it."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder
