"""What is not as on another night."""

from dataclasses import replace

import pytest

from mnist_batch.nights.baseline.changes import NewImages, Setting, changes, setting_of

NOW = Setting("0.5.0", {"name": "b.h5", "sha256": "b" * 64}, {"prepare": "auto"}, "data")


def test_nothing_is_said_where_nothing_changed() -> None:
    """Nor where one of the two does not say what its images are."""
    assert list(changes("x", NOW, NOW)) == []
    assert list(changes("x", replace(NOW, data=None), NOW)) == []


def test_model_version_options_and_images_are_said_each() -> None:
    """With what they are and what they were; an option that is not given is said to be so."""
    before = Setting(
        "0.4.0",
        {"name": "a.h5", "sha256": "a" * 64},
        {"prepare": "never", "scale": None},
        "other",
    )
    now = replace(NOW, options={"prepare": "auto", "scale": "0-1"})
    assert list(changes("2024-11-01", before, now)) == [
        "the model is b.h5 (bbbbbbbbbbbb), in 2024-11-01 it was a.h5 (aaaaaaaaaaaa)",
        "mnist-batch is 0.5.0, in 2024-11-01 it was 0.4.0",
        "prepare is auto, in 2024-11-01 it was never",
        "scale is 0-1, in 2024-11-01 it was not given",
        "the images are not those of 2024-11-01",
    ]


def test_another_input_is_said_where_nobody_knows_the_images() -> None:
    """Otherwise what is in it counts: a file of each night has another name each night."""
    before = replace(NOW, options={"inputs": ["a", "b"]})
    now = replace(NOW, options={"inputs": ["a"]})
    assert list(changes("x", before, now)) == []
    assert list(changes("x", replace(before, data=None), now)) == [
        "the input is a, in x it was a b"
    ]


@pytest.mark.parametrize(
    ("new", "told"),
    [
        (NewImages(46, 2300), "46 of 2,300 images are new since x"),
        (NewImages(1, 10), "1 of 10 images is new since x"),
        (NewImages(0, 10), "some images of x are not there, and none is new"),
    ],
)
def test_new_images_are_counted(new: NewImages, told: str) -> None:
    """Where it is known how many there are."""
    assert list(changes("x", replace(NOW, data="other"), NOW, new_images=new)) == [told]


def test_a_long_list_of_files_is_cut() -> None:
    """A sentence is for a reader."""
    named = replace(NOW, data=None, options={"inputs": [f"{n}.png" for n in range(1000)]})
    (sentence,) = changes("x", replace(named, options={"inputs": ["a"]}), named)
    assert sentence.startswith("the input is 0.png 1.png ")
    assert sentence.endswith("..., in x it was a")
    assert len(sentence) < 250


def test_a_model_that_only_has_another_name_is_the_same() -> None:
    """What counts is its content."""
    assert list(changes("x", replace(NOW, model={**NOW.model, "name": "copy.h5"}), NOW)) == []


def test_the_record_of_a_run_tells_the_setting_without_what_no_prediction_depends_on() -> None:
    """How many threads there were, and which samples are drawn."""
    run = {
        "version": "0.5.0",
        "model": {"name": "b.h5", "sha256": "b" * 64},
        "predictor": "numpy",
        "options": {"prepare": "auto", "workers": 8, "sample_seed": 3, "content_hash": True},
    }
    assert setting_of(run, "data") == replace(
        NOW, options={"prepare": "auto", "predictor": "numpy"}
    )
