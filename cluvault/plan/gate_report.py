"""A verdict as Markdown for people and as JUnit XML for build servers; pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from cluvault.plan.diff_report import escape_markdown

if TYPE_CHECKING:
    from cluvault.model.verdict import Verdict

_NOT_IN_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def verdict_to_markdown(verdict: Verdict, *, title: str) -> str:
    """A table of all checks, those that failed first."""
    lines = [f"## {escape_markdown(title)}", "", f"**{'passed' if verdict.passed else 'refused'}**", ""]
    lines += ["| | check | of | found |", "| --- | --- | --- | --- |"]
    for check in sorted(verdict.checks, key=lambda check: check.passed):
        sign = "ok" if check.passed else "**refused**"
        lines.append(
            f"| {sign} | {escape_markdown(check.name)} | {escape_markdown(check.subject)} | "
            f"{escape_markdown(check.sentence)} |"
        )
    return "\n".join(lines) + "\n"


def verdict_to_junit(verdict: Verdict, *, name: str) -> bytes:
    """A test suite with a case for each check, as Jenkins, GitLab and Azure DevOps read it."""
    suites = ET.Element("testsuites")
    failures = str(len(verdict.refusals))
    suite = ET.SubElement(
        suites,
        "testsuite",
        name=_text(name),
        tests=str(len(verdict.checks)),
        failures=failures,
        errors="0",
        skipped="0",
    )
    for check in verdict.checks:
        case = ET.SubElement(suite, "testcase", name=_text(f"{check.name}: {check.subject}"), classname="cluvault.gate")
        if not check.passed:
            ET.SubElement(case, "failure", message=_text(check.sentence), type=_text(check.name))
    return ET.tostring(suites, encoding="utf-8", xml_declaration=True)


def _text(value: str) -> str:
    """Without what XML cannot hold."""
    return _NOT_IN_XML.sub("?", value)
