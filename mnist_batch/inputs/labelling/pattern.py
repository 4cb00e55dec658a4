"""Labels from the names of files, found by a pattern that the user gives."""

import os
import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.errors import LabelError
from mnist_batch.inputs.files.path_texts import texts_of_paths
from mnist_batch.schema import shortened

_LONGEST = 1000


class LabelPattern:
    """A regular expression whose one group is the label.

    It is searched for in the name of a file or, where it has a `/`, in the whole path. Arrow's RE2
    searches in a time that grows with the length of the name alone, whatever the pattern
    (github.com/google/re2), and so knows neither what is ahead or behind nor references back.
    """

    def __init__(self, pattern: str) -> None:
        """Check the pattern.

        Raises:
            LabelError: it is no such pattern, or has another number of groups, or an empty one.
        """
        self.pattern = pattern
        self._whole = f"(?s)^.*?(?:{pattern}).*$"
        expected = r"expected one group, which holds the label, as in '(\d)\.png'"
        if len(pattern) > _LONGEST:
            raise LabelError(f"--label-pattern has {len(pattern):,} characters; {expected}")
        try:
            pc.match_substring_regex(_ANY, pattern)
        except pa.ArrowInvalid as error:
            why = shortened(str(error).partition(": ")[2], 100)
            raise LabelError(
                f"--label-pattern {shortened(pattern)!r}: {why}; {expected}"
            ) from error
        why = ""
        if not self._has_group(1):
            why = "no group in it"
        elif self._has_group(2):
            why = "several groups in it; write those that are no label as (?:...)"
        elif _EMPTY.search(_SINGLE.sub(".", pattern)):
            why = "its group is empty"
        if why:
            raise LabelError(f"--label-pattern {shortened(pattern)!r}: {why}; {expected}")

    def _has_group(self, number: int) -> bool:
        """Tell whether the pattern has so many groups: else a reference to it is refused."""
        try:
            pc.replace_substring_regex(_ANY, pattern=self._whole, replacement=rf"\{number}")
        except pa.ArrowInvalid:
            return False
        return True

    def texts(self, paths: Sequence[str]) -> pa.Array:
        """Return what the group holds in each path: Arrow strings (n,), null where there is none.

        A folder that cannot be listed, whose name ends in `/`, has no label.
        """
        if "/" in self.pattern:
            searched = [os.path.abspath(path) for path in paths]  # noqa: PTH100 - text in, text out
        else:
            searched = [path[path.rfind("/") + 1 :] for path in paths]
        whole = texts_of_paths(searched)
        found = pc.replace_substring_regex(whole, pattern=self._whole, replacement=r"\1")
        matched = pc.and_(pc.match_substring_regex(whole, self.pattern), pc.not_equal(found, ""))
        return pc.if_else(matched, found, None)


_ANY = pa.array([""])

_SINGLE = re.compile(r"\\.|\[\^?\]?[^\]]*\]", re.DOTALL)
_EMPTY = re.compile(r"\((\?P?<\w+>)?\)")
"""What stands for one character in a pattern, and a group that holds none."""
