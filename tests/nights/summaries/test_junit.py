"""`junit.xml`: the gates of a night as test cases."""

from dataclasses import replace
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.nights.night import GateResult
from mnist_batch.nights.summaries.junit import junit
from tests.support.nights import NIGHT

_GATES = (
    GateResult("errors", passed=True, message="fine"),
    GateResult("accuracy", passed=None, message="no row has a label"),
    GateResult("regression", passed=False, message="worse", missed_nights=1),
    GateResult("digit 4", passed=False, message="<much> & worse", missed_nights=2, fails=True),
)
# The attributes and children of Ant's JUnit task, in their order: the XML schema "JUnit.xsd" of
# its test results, which CI services take for what a file has to have.
_SUITE = {"id", "name", "package", "timestamp", "hostname", "tests", "failures", "errors", "time"}
_OF_A_SUITE = ["properties", "testcase", "system-out", "system-err"]


def test_each_gate_is_a_case_that_passed_failed_or_was_skipped() -> None:
    """A gate that patience lets pass is skipped: it is no success, and breaks nothing yet."""
    (suite,) = ET.fromstring(junit(replace(NIGHT, gates=_GATES)))
    found = {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")}
    assert found == {
        "errors": [],
        "accuracy": ["skipped"],
        "regression": ["skipped"],
        "digit 4": ["failure"],
    }
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4",
        "failures": "1",
        "errors": "0",
        "skipped": "2",
    }
    (failure,) = suite.iter("failure")
    assert failure.get("message") == failure.text == "<much> & worse"
    assert failure.get("type") == "digit"


def test_the_document_has_what_the_schema_of_junit_asks_for() -> None:
    """Its attributes, the order of its elements, and a time without an offset."""
    suites = ET.fromstring(junit(replace(NIGHT, gates=_GATES)))
    assert suites.tag == "testsuites"
    (suite,) = suites
    assert suite.tag == "testsuite"
    assert set(suite.keys()) >= _SUITE
    assert suite.get("timestamp") == "2024-11-01T02:00:00"
    order = [_OF_A_SUITE.index(child.tag) for child in suite]
    assert order == sorted(order)
    cases = [case.attrib for case in suite.iter("testcase")]
    assert {"name", "classname", "time"} == {name for case in cases for name in case}
    assert {case.get("classname") for case in suite.iter("testcase")} == {"nightly"}


@given(st.text(st.characters(codec=None)), st.text(st.characters(codec=None)))
def test_whatever_is_in_a_name_the_document_can_be_read(name: str, message: str) -> None:
    """Control characters and half characters, which XML 1.0 cannot hold, become question marks."""
    gate = GateResult("drift", passed=False, message=message, missed_nights=1, fails=True)
    night = replace(NIGHT, gates=(gate,), model={"name": name, "sha256": ""})
    (suite,) = ET.fromstring(junit(night))
    (failure,) = suite.iter("failure")
    assert len(failure.get("message", "")) == len(message)
