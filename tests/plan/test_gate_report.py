"""A verdict for people and for build servers."""

from __future__ import annotations

from typing import Final
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from cluvault.model.verdict import Check, Verdict
from cluvault.plan.gate_report import verdict_to_junit, verdict_to_markdown
from tests.strategies import QUICK

ATTRIBUTES: Final = {
    "testsuites": ({"name", "time", "tests", "failures", "disabled", "errors"}, set[str]()),
    "testsuite": (
        {
            "name",
            "tests",
            "failures",
            "errors",
            "time",
            "disabled",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
        },
        {"name", "tests"},
    ),
    "testcase": ({"name", "assertions", "time", "classname", "status"}, {"name", "classname"}),
    "failure": ({"type", "message"}, set[str]()),
}
"""Element → the attributes that it may have, and those that it must: as the Jenkins xunit plugin's schema has them."""
CHILDREN: Final = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase", "system-out", "system-err"},
    "testcase": {"skipped", "error", "failure", "system-out", "system-err"},
    "failure": set[str](),
}
COUNTS: Final = ("tests", "failures", "errors", "skipped", "disabled")

texts = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("<>&\"'\x00\x1b\ufffe|*`\n"), max_size=20)
checks = st.builds(Check, texts, texts, st.none() | st.floats(0, 1), st.floats(0, 1), st.booleans(), texts)
verdicts = st.builds(Verdict, st.lists(checks, max_size=5).map(tuple))


def junit_faults(data: bytes) -> list[str]:
    """What the schema of JUnit XML does not allow in a document."""
    root = ET.fromstring(data)  # noqa: S314  # our own
    faults = [] if root.tag == "testsuites" else [f"root is {root.tag}"]
    for element in root.iter():
        allowed, needed = ATTRIBUTES[element.tag]
        faults += [f"{element.tag} has {name}" for name in element.attrib.keys() - allowed]
        faults += [f"{element.tag} lacks {name}" for name in needed - element.attrib.keys()]
        faults += [f"{element.tag} holds {child.tag}" for child in element if child.tag not in CHILDREN[element.tag]]
        faults += [f"{name} is no number" for name in COUNTS if not element.get(name, "0").isdecimal()]
    for suite in root.iter("testsuite"):
        cases = suite.findall("testcase")
        failed = [case for case in cases if case.find("failure") is not None]
        if (suite.get("tests"), suite.get("failures")) != (str(len(cases)), str(len(failed))):
            faults.append("the suite miscounts")
    return faults


@QUICK
@given(verdicts, texts)
def test_junit_xml_is_valid_whatever_is_in_it(verdict: Verdict, name: str) -> None:
    """Well-formed, of the right elements and attributes, and its counts are right."""
    assert junit_faults(verdict_to_junit(verdict, name=name)) == []


def test_the_schema_finds_faults() -> None:
    """What is not allowed is seen."""
    assert junit_faults(b"<testsuite name='x' tests='1' failures='0'><testcase name='y' odd='1'/></testsuite>") != []


def test_what_failed_is_a_failure_and_comes_first_in_the_table() -> None:
    """Build servers count it; people read why."""
    good = Check("min-intent-f1", "all intents", 0.9, 0.8, passed=True, sentence="f1 0.900 >= 0.800")
    bad = Check("each-intent-f1", "Cancel | all", 0.2, 0.7, passed=False, sentence="Cancel: f1 0.200 < 0.700")
    verdict = Verdict((good, bad))
    case = ET.fromstring(verdict_to_junit(verdict, name="promotion")).findall(".//testcase")[1]  # noqa: S314
    failure = case.find("failure")
    assert failure is not None
    assert failure.attrib == {"message": "Cancel: f1 0.200 < 0.700", "type": "each-intent-f1"}
    lines = verdict_to_markdown(verdict, title="Gate").splitlines()
    assert lines[:3] == ["## Gate", "", "**refused**"]
    assert "Cancel \\| all" in lines[6]
    assert verdict_to_markdown(Verdict((good,)), title="Gate").splitlines()[2] == "**passed**"
