"""Instructions by image, as Valgrind counts them, are no more than those that are kept."""

import os
import shutil
from pathlib import Path

import pytest

from benchmarks.counted import KERNELS, LOOP
from benchmarks.instructions import KEPT, Instructions, count, depends, kept, totals
from mnist_batch import _kernels


def test_no_kernel_takes_more_instructions_than_are_kept() -> None:
    """Where they can be compared: another compiler or processor makes other instructions."""
    if shutil.which("valgrind") is None:
        pytest.skip("there is no valgrind")
    if not _kernels.ready():
        pytest.skip("there is no compiled code")
    before = kept()
    if others := Instructions(depends(), {}).others(before, KERNELS[0]):
        pytest.skip(f"what is kept was counted with another {', '.join(others)}")
    more = count(loop=False).more_than(before)
    assert more == [], "if that is meant: make instructions KEEP=1"


def test_what_is_kept_has_every_kernel_and_the_loop() -> None:
    """And nothing that is not counted any more."""
    assert KEPT.is_file()
    assert set(kept().counts) == {*KERNELS, LOOP}


def test_a_count_may_be_a_little_more() -> None:
    """By a hundredth in a kernel, by two in the loop; less is welcome."""
    before = Instructions({}, {"decode_pngs": 1000.0, "check_form": 1000.0, LOOP: 1000.0})
    now = {"decode_pngs": 1009.0, "check_form": 1011.0, LOOP: 1019.0}
    assert Instructions({}, now).more_than(before) == ["check_form"]
    assert Instructions({}, {LOOP: 1021.0, "a new one": 5.0}).more_than(before) == [LOOP]
    assert Instructions({}, {"decode_pngs": 1.0}).more_than(before) == []


def test_kernels_are_compared_with_any_version_of_numpy() -> None:
    """Which they do not call; the loop does."""
    same = {"machine": "x86_64", "kernels": "AVX2", "compiler": "GCC 12", "digits": "ab"}
    before = Instructions({**same, "numpy": "2.4.6"}, {"decode_pngs": 1000.0, LOOP: 1000.0})
    now = Instructions({**same, "numpy": "2.5.0"}, {"decode_pngs": 2000.0, LOOP: 2000.0})
    assert now.more_than(before) == ["decode_pngs"]
    assert now.others(before, LOOP) == ["numpy"]
    other = Instructions({**now.depends, "compiler": "GCC 13"}, now.counts)
    assert other.more_than(before) == []


def test_what_valgrind_says_is_shown_where_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its status alone tells nobody what to do."""
    failing = tmp_path / "valgrind"
    failing.write_text("#!/bin/sh\necho 'valgrind: no such tool' >&2\nexit 3\n")
    failing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(RuntimeError, match=r"ended with status 3:\nvalgrind: no such tool"):
        count(loop=False)


def test_totals_are_read_as_callgrind_writes_them(tmp_path: Path) -> None:
    """A piece each, in order."""
    for name, number in (("a", 12), ("b", 3456)):
        text = f"# callgrind format\nevents: Ir\nsummary: 99\n\nfn=(1) f\n3 4\n\ntotals: {number}\n"
        (tmp_path / name).write_text(text)
    assert totals([tmp_path / "b", tmp_path / "a"]) == [3456, 12]
