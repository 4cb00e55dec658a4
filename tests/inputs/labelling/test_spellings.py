"""How files of labels spell the paths of images."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.inputs.labelling.spellings import find_spellings

_NAMES = st.lists(
    st.from_regex(r"\A([ab]/)?[ab]/[cd]{1,2}\.png\Z"), min_size=1, max_size=6, unique=True
)


def test_a_line_names_the_image_whose_path_ends_so() -> None:
    """The most of a path that tells comes first, and what is named just so is left alone."""
    images = {"x/a.png": "/in/x/a.png", "y/a.png": "/in/y/a.png", "b.png": "/in/b.png"}
    assert find_spellings(images, {"in/x/a.png", "./y/a.png", "b.png"}) == {
        "x/a.png": "in/x/a.png",
        "y/a.png": "./y/a.png",
    }


def test_a_line_may_lead_up_from_another_folder() -> None:
    """Of `../full/0/a.png` the end tells; another folder of the same names is another image."""
    images = {"0/a.png": "/data/full/0/a.png", "1/a.png": "/data/full/1/a.png"}
    lines = {"../../full/0/a.png", "..\\full\\1\\a.png"}
    assert find_spellings(images, lines) == {
        "0/a.png": "../../full/0/a.png",
        "1/a.png": "..\\full\\1\\a.png",
    }
    assert find_spellings(images, {"../other/0/a.png", "../x..y/1/a.png"}) == {}


def test_unicode_and_case_may_differ() -> None:
    """MacOS decomposes letters, and Windows does not tell case."""
    name = "\u00fcbung.png"
    images = {unicodedata.normalize("NFD", name): "/in/" + unicodedata.normalize("NFD", name)}
    (found,) = find_spellings(images, {name}).values()
    assert found == name
    assert find_spellings({"A.PNG": "/in/A.PNG"}, {"a.png"}) == {"A.PNG": "a.png"}
    both = {"Ab.png": "/in/Ab.png", "aB.png": "/in/aB.png"}
    assert find_spellings(both, {"ab.png"}) == {}


@given(_NAMES, st.integers(0, 3))
def test_no_line_is_given_to_an_image_of_another_path(names: list[str], cut: int) -> None:
    """Whatever is cut off in front, a line that is found ends the path of its image, and once."""
    images = {name: f"/in/{name}" for name in names}
    lines = {"/".join(name.split("/")[min(cut, name.count("/")) :]) for name in names}
    found = find_spellings(images, lines)
    assert all(images[name].endswith(f"/{line}") for name, line in found.items())
    assert len({*found.values()}) == len(found)
