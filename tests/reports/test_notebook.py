"""What a notebook shows: in a kernel as Jupyter runs it, and without any."""

import re
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from mnist_batch.reports import notebook

_EXAMPLES = Path(__file__).parents[2] / "examples" / "digits"

_CELLS = (
    "import mnist_batch",
    "summary = mnist_batch.predict(INPUT, 'predictions.parquet')",
    "summary",
    "print(summary)",
    "mnist_batch.load_model()",
    "mnist_batch.predict(INPUT, 'other.parquet', report=False, progress=lambda progress: None)",
)


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[list[dict[str, Any]]]:
    """The outputs of each cell, run by a kernel of this Python in a folder of its own."""
    folder = tmp_path_factory.mktemp("notebook")
    codes = [cell.replace("INPUT", repr(str(_EXAMPLES))) for cell in _CELLS]
    book = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=[*map(nbformat.v4.new_code_cell, codes)]
    )
    client = NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}})
    spec = client.create_kernel_manager().kernel_spec
    assert spec is not None
    spec.argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    client.execute()
    return [list(cell["outputs"]) for cell in book.cells]


def test_a_run_shows_a_bar_that_ends_full(cells: list[list[dict[str, Any]]]) -> None:
    """One output, which was moved on, and holds the last state."""
    [output] = cells[1]
    assert output["output_type"] == "display_data"
    assert output["data"]["text/plain"] == "100 of 100 images"
    assert 'value="100" max="100"' in output["data"]["text/html"]


def test_a_summary_shows_its_figures(cells: list[list[dict[str, Any]]]) -> None:
    """As HTML with the images in it, and in one line where only text is shown."""
    [output] = cells[2]
    html, text = output["data"]["text/html"], output["data"]["text/plain"]
    assert re.fullmatch(
        r"<Summary of predictions.parquet: 100 rows, accuracy (0.99..|1.0000)>", text
    )
    assert text.removesuffix(">").rpartition(" ")[2] in html
    assert html.count("data:image/png;base64,") in (2, 3)  # mistakes, where there are any
    assert "<script" not in html
    [printed] = cells[3]
    assert printed["text"] == text + "\n"


def test_a_model_is_shown_in_one_line(cells: list[list[dict[str, Any]]]) -> None:
    """Not with its weights."""
    [output] = cells[4]
    assert output["data"]["text/plain"].startswith("Predictor('MNIST.h5'")


def test_whoever_shows_progress_himself_gets_no_bar(cells: list[list[dict[str, Any]]]) -> None:
    """Only the result is shown then."""
    [output] = cells[5]
    assert output["output_type"] == "execute_result"


def test_outside_of_a_notebook_there_is_no_bar() -> None:
    """IPython, which makes them, is not even imported."""
    assert notebook.image_bar() is None


def test_hostile_names_are_escaped(tmp_path: Path) -> None:
    """The name of a file is text, and so is a note."""
    html = notebook.result_html("<script>", None, [tmp_path / "gone.png"], ["a <b>"])
    assert "<script>" not in html
    assert "a &lt;b&gt;" in html
