"""Gates as a JUnit file: a test case a gate."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from client.gates.checking import Verdict

SUITE = "polarizer.gate"


def as_junit(verdict: Verdict) -> bytes:
    """The XML that CI systems show as test results."""
    failures = str(sum(not gate.passed for gate in verdict.gates))
    counts = {"tests": str(len(verdict.gates)), "failures": failures, "errors": "0"}
    root = ET.Element("testsuites", {"name": SUITE, **counts, "time": "0"})
    suite = ET.SubElement(root, "testsuite", {"name": SUITE, **counts, "skipped": "0", "time": "0"})
    properties = ET.SubElement(suite, "properties")
    facts = {"report": verdict.subject, "sha256": verdict.sha256, "defense": verdict.defense_id}
    for name, value in facts.items():
        if value is not None:
            ET.SubElement(properties, "property", {"name": name, "value": printable(value)})
    for gate in verdict.gates:
        case = ET.SubElement(
            suite,
            "testcase",
            {"classname": SUITE, "name": printable(gate.condition), "time": "0"},
        )
        if not gate.passed:
            reason = printable(gate.reason)
            failure = ET.SubElement(case, "failure", {"message": reason, "type": "gate"})
            failure.text = f"required: {printable(gate.condition)}\nfound: {reason}"
    ET.indent(root)
    content: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def printable(text: str) -> str:
    """XML has no way to hold control characters."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)
