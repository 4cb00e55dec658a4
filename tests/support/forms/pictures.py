"""Folders and files of pictures."""

import shutil
from pathlib import Path

from tests.support.forms.form import FILES, FOLDER, IMAGES, LABELS, Form


def folders(folder: Path) -> Path:
    """Copy the sample digits, a folder for each digit."""
    shutil.copytree(FOLDER, folder / "digits")
    return folder / "digits"


def flat(folder: Path) -> Path:
    """Copy the sample digits into one folder."""
    for path in FILES:
        shutil.copy(path, folder)
    return folder


def one(folder: Path) -> Path:
    """Copy one digit into a folder named by what it shows."""
    return Path(shutil.copy(FILES[0], folder / "0.png"))


def with_metadata(folder: Path) -> Path:
    """Copy the sample digits into one folder, with a `metadata.csv`."""
    lines = (f"{path.name},{label}\n" for path, label in zip(FILES, LABELS, strict=True))
    (folder / "metadata.csv").write_text("file_name,label\n" + "".join(lines))
    return flat(folder)


def not_a_picture(folder: Path) -> Path:
    """Write text into a file with the suffix of a picture."""
    (folder / "1.png").write_text("not a picture")
    return folder


FORMS = {
    "a folder for each digit, called 0 to 9": Form(folders),
    "a folder of pictures": Form(flat, labels=None),
    "a picture": Form(one, images=IMAGES[:1], labels=None),
    "a folder with `metadata.csv`": Form(with_metadata),
    "a file with the suffix of a picture that is none": Form(
        not_a_picture, images=None, error="not an image"
    ),
}
