"""The table of forms in docs/formats.md: each of its lines is true, and each form has its line."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mnist_batch.decoding.decode import decode_batch
from mnist_batch.errors import MnistBatchError
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import ReadOptions
from mnist_batch.schema import reason
from tests.support.forms import arrays, labels, parquet, pictures, tables
from tests.support.forms.form import Form

KINDS = [pictures, parquet, tables, arrays, labels]
FORMS: dict[str, Form] = {name: form for kind in KINDS for name, form in kind.FORMS.items()}
PAGE = Path(__file__).parents[2] / "docs" / "formats.md"


def _lines() -> dict[str, str]:
    """Return the lines of the table: what people have, and what becomes of it."""
    section = PAGE.read_text().split("### Each form\n")[1].split("\n#")[0]
    cells = re.findall(r"^\| (.+?) \| (.+) \|$", section, re.MULTILINE)
    return {name: outcome for name, outcome in cells[1:] if set(name) != {"-"}}


def test_each_line_of_the_table_has_a_form() -> None:
    """And each form a line, in one order, so that none is promised that no test has tried."""
    assert [*_lines()] == [*FORMS]
    assert len(FORMS) == sum(len(kind.FORMS) for kind in KINDS)


@pytest.mark.parametrize("name", FORMS)
def test_what_the_table_says_is_true(name: str, tmp_path: Path) -> None:
    """Images and labels are those that were written, or there is the error that it tells."""
    form, said = FORMS[name], _lines()[name]
    assert re.split("[:;,]", said)[0] == form.outcome
    given = form.make(tmp_path)
    if form.refused:
        with pytest.raises(MnistBatchError) as caught:
            _read(given, form)
        assert form.refused in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
        return
    images, labels, errors = _read(given, form)
    if form.error:
        assert {reason(error) for error in errors} == {form.error}
        assert f"`{form.error}`" in said
    else:
        assert errors == []
    if form.images is not None:
        wanted = [None] * len(form.images) if form.labels is None else form.labels.tolist()
        assert Counter(zip(images, labels, strict=True)) == Counter(
            zip((image.tobytes() for image in form.images), wanted, strict=True)
        )
    elif not form.error:
        wanted = [] if form.labels is None else form.labels.tolist()
        assert Counter(labels) == Counter(wanted or [None] * len(images))


def _read(given: Path, form: Form) -> tuple[list[bytes], list[int | None], list[str]]:
    """Return images and labels of the rows that can be read, and the errors of all others."""
    images: list[bytes] = []
    labels: list[int | None] = []
    errors: list[str] = []
    for shard in open_inputs([given], ReadOptions.of(**(form.reading or {}))).shards:
        for batch in shard.read(64):
            decoded = decode_batch(batch)
            good = decoded.error.is_null().to_numpy(zero_copy_only=False)
            images += [np.ascontiguousarray(image).tobytes() for image in decoded.images[good]]
            labels += batch.label.filter(good).to_pylist()
            errors += decoded.error.drop_null().to_pylist()
    return images, labels, errors
