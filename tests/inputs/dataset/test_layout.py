"""The names in a folder of predictions."""

from pathlib import Path

from mnist_batch.inputs.dataset.layout import MANIFEST, is_dataset, is_part_name, part_name


def test_parts_sort_by_their_numbers() -> None:
    """As text, which is how readers order them, however many there are."""
    assert [part_name(number, 100_000) for number in (0, 12, 99_999)] == [
        "part-00000.parquet",
        "part-00012.parquet",
        "part-99999.parquet",
    ]
    names = [part_name(number, 100_001) for number in (0, 9_999, 99_999, 100_000)]
    assert names == sorted(names)
    assert (names[0], names[-1]) == ("part-000000.parquet", "part-100000.parquet")


def test_names_of_parts_are_told_from_others() -> None:
    """Those of the staging are none."""
    assert is_part_name("part-00000.parquet")
    assert is_part_name("part-123456.parquet")
    assert not is_part_name("part-0.parquet")
    assert not is_part_name("part-00000.parquet.tmp")
    assert not is_part_name("part-4dfb6138b0f9b8ec-000000-8-00000000.parquet")


def test_a_folder_is_known_by_its_manifest(tmp_path: Path) -> None:
    """A file is none."""
    assert not is_dataset(tmp_path)
    (tmp_path / MANIFEST).touch()
    assert is_dataset(tmp_path)
    assert not is_dataset(tmp_path / MANIFEST)
