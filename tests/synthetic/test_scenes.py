"""Scenes that have a name."""

from mnist_batch.synthetic.scenes import FEATURES


def test_features_have_the_names_of_what_they_show() -> None:
    """One scene for each way in which a picture may differ from MNIST's form."""
    assert list(FEATURES) == [
        *("paper colour", "ruled lines", "shadow", "big photo"),
        *("off-centre", "thin pen", "thick marker"),
    ]
