"""`junit.xml`: the gates of a night as test cases, for the services that show tests.

The form is that of Ant's JUnit task, which all of them read: a suite with its counts, and a case
with `failure` or `skipped` in it.
"""

import re
from xml.etree import ElementTree as ET

from mnist_batch.nights.night import GateResult, Night
from mnist_batch.nights.verdict import headline

_SUITE = "mnist-batch nightly"
_ODD = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write, section 2.2."""


def junit(night: Night) -> bytes:
    """Return the gates of a night as a document of one test suite, UTF-8.

    A gate that fails is a failure; one that was not asked, or that may still be missed for some
    nights, is skipped.
    """
    suites = ET.Element("testsuites")
    counts = {
        "tests": len(night.gates),
        "failures": sum(gate.fails for gate in night.gates),
        "errors": 0,
        "skipped": sum(_is_skipped(gate) for gate in night.gates),
    }
    attributes = {
        "id": "0",
        "name": _SUITE,
        "package": "mnist_batch",
        "timestamp": f"{night.began:%Y-%m-%dT%H:%M:%S}",
        "hostname": "localhost",
        "time": f"{night.elapsed_s:.3f}",
        **{name: str(count) for name, count in counts.items()},
    }
    suite = ET.SubElement(suites, "testsuite", attributes)
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(night).items():
        ET.SubElement(properties, "property", name=name, value=_sound(value))
    for gate in night.gates:
        _add_case(suite, gate)
    ET.SubElement(suite, "system-out").text = _sound(headline(night))
    ET.SubElement(suite, "system-err")
    ET.indent(suites)
    document: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _properties(night: Night) -> dict[str, str]:
    return {
        "night": night.name,
        "version": night.version,
        "model": night.model.get("name", ""),
        "model_sha256": night.model.get("sha256", ""),
        "data": night.data,
    }


def _add_case(suite: ET.Element, gate: GateResult) -> None:
    name, message = _sound(gate.name), _sound(gate.message)
    case = ET.SubElement(suite, "testcase", name=name, classname="nightly", time="0")
    if gate.fails:
        failure = ET.SubElement(case, "failure", type=name.partition(" ")[0], message=message)
        failure.text = message
    elif _is_skipped(gate):
        ET.SubElement(case, "skipped", message=message)


def _is_skipped(gate: GateResult) -> bool:
    return not gate.fails and not gate.passed


def _sound(text: str) -> str:
    return _ODD.sub("?", text)
