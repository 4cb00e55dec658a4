"""Pages of all kinds, made by the functions behind the commands, for tests in a browser."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

import mnist_batch
from mnist_batch.options import Style
from mnist_batch.reports.comparison.comparison_page import comparison_page
from mnist_batch.reports.evaluation.report_page import report_page
from mnist_batch.schema import Classes
from mnist_batch.synthetic import generator
from tests.support.class_comparison import class_comparison
from tests.support.class_predictions import CHARACTERS, class_evaluation
from tests.support.class_predictions import HOSTILE as CLASS_NAMES
from tests.support.linear_model import write_linear_model

DIGITS = 100
HOSTILE = (
    "<hostile-tag onclick='document.title=1'>",
    "</style></title><script>document.title='run'</script>",
    "\"' autofocus onfocus='document.title=1' x='\"",
    "&lt;hostile-tag&gt; {{ 7 * 7 }} {% raw %} `$(id)`",
    "back\u202egnp.exe\u2066 and \u200f forth",
    "bell\x07 escape\x1b[31m delete\x7f next\x85 line",
    "javascript:alert(1)//data:text/html,<hostile-tag>",
    "<hostile-tag>" * 800,
)
"""Names and labels that would be more than text on a page that is not careful."""


def write_digits(
    path: Path, texts: Sequence[str] = ("feeder", "flatbed"), column: str = "scanner"
) -> Path:
    """Write Parquet of drawn digits: most read right, some prepared, labels wrong, files broken.

    Args:
        path: the file.
        texts: the values of its column `column`, in turn.
        column: what they are.
    """
    drawn = path.with_name("drawn.parquet")
    images, labels = [], []
    for style, count in ((Style.MNIST, DIGITS), (Style.SCREEN, 20)):
        generator.write_parquet(drawn, count, style=style, overwrite=True)
        table = pq.read_table(drawn).to_pydict()
        images += [image["bytes"] for image in table["image"]]
        labels += table["label"]
    drawn.unlink()
    labels[7:DIGITS:9] = [(label + 1) % 10 for label in labels[7:DIGITS:9]]
    images[20:80:20] = [b"no image", b"", images[20][:40]]
    scanners = [texts[row % len(texts)] for row in range(len(images))]
    content = [{"bytes": image, "path": None} for image in images]
    pq.write_table(pa.table({"image": content, "label": labels, column: scanners}), path)
    return path


def write_hostile_folder(folder: Path) -> Path:
    """Write pictures of a digit, some broken, with names that no page may take for HTML."""
    images, _ = generator.draw_digits(1)
    for text in HOSTILE:
        name = text.replace("/", "")[:200]
        for parent in (folder / name / "3", folder / "4"):
            parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[0]).save(parent / f"{name}.png")
            (parent / f"{name} broken.png").write_bytes(b"no image")
    return folder


def make_pages(folder: Path) -> dict[str, Path]:
    """Make a page of each kind in a folder, and return them by name."""
    digits = write_digits(folder / "digits.parquet")
    labelled, unlabelled = folder / "labelled.parquet", folder / "unlabelled.parquet"
    mnist_batch.predict(digits, labelled, slices=["scanner"])
    mnist_batch.predict(digits, unlabelled, labels="none")
    mnist_batch.evaluate(labelled, report=folder / "evaluated")
    mnist_batch.train(digits, folder / "trained.h5", epochs=3)
    worse = folder / "worse.h5"
    write_linear_model(worse)
    runs = folder / "runs"
    mnist_batch.nightly(digits, runs, name="first", max_errors="5%")
    mnist_batch.nightly(digits, runs, name="worse", model=worse, max_errors="5%")
    mnist_batch.nightly(digits, runs, name="unlabelled", labels="none", max_errors="5%")
    reports = {
        "labelled": labelled.with_suffix(".report"),
        "unlabelled": unlabelled.with_suffix(".report"),
        "evaluated": folder / "evaluated",
        "trained": folder / "trained.report",
        "nights": runs,
        "night compared": runs / "worse" / "comparison",
        **_hostile_reports(folder / "hostile"),
        **_class_pages(folder),
    }
    return {name: report / "index.html" for name, report in reports.items()}


def _hostile_reports(folder: Path) -> dict[str, Path]:
    """Make a report and a comparison where every name is hostile."""
    column = HOSTILE[0]
    inputs = [
        write_hostile_folder(folder / "pictures"),
        write_digits(folder / f"{HOSTILE[0]}.parquet", HOSTILE, column),
    ]
    good, bad = (folder / f"{text}.h5" for text in HOSTILE[2:4])
    shutil.copy(Path(mnist_batch.__file__).with_name("MNIST.h5"), good)
    write_linear_model(bad)
    outs = [folder / f"{text}.parquet" for text in HOSTILE[2:4]]
    for out, model in zip(outs, (good, bad), strict=True):
        mnist_batch.predict(inputs, out, model=model, slices=[column])
    mnist_batch.compare(*outs, out=folder / "compared", images=inputs)
    return {
        "hostile": outs[0].with_suffix(".report"),
        "hostile compared": folder / "compared",
    }


def _class_pages(folder: Path) -> dict[str, Path]:
    """Write pages of 62 classes and of some with hostile names, and return their folders."""
    hostile = (*HOSTILE, *CLASS_NAMES)
    folders = {}
    for name, classes in (("62", CHARACTERS), ("hostile", Classes(len(hostile), hostile))):
        compared = class_comparison(classes, 3000)
        pages = {
            f"{name} classes": report_page(class_evaluation(classes, 5000), {}),
            f"{name} classes compared": comparison_page(
                compared, images={}, changed=[], command=None
            ),
        }
        for of, text in pages.items():
            folders[of] = folder / of
            folders[of].mkdir()
            (folders[of] / "index.html").write_text(text, encoding="utf-8")
            for file in (
                "mistakes.csv",
                "changes.csv",
                "metrics.json",
                "comparison.json",
            ):  # which the pages lead to
                (folders[of] / file).touch()
    return folders
