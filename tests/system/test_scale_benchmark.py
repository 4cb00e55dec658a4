"""What `make benchmark-scale` runs publishes all parts that it counts."""

import pytest

from benchmarks import scale


@pytest.mark.parametrize("report", [False, True])
def test_it_publishes_parts_that_nobody_predicted(
    monkeypatch: pytest.MonkeyPatch, report: bool
) -> None:
    """With the rows and the findings of one that was; its report shows images of any of them."""
    monkeypatch.setattr(scale, "_NAMES", 4)
    monkeypatch.setattr(scale, "_DRAWN", 64)
    scale._digits.cache_clear()
    found = scale.measure(9, 256, report=report)
    scale._digits.cache_clear()
    assert found["parts"] == 9
    assert found["message_bytes"] > 1000
    assert found["peak_mb"] >= found["base_mb"]
