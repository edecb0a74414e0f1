"""A report in other forms than JSON: pure functions of :class:`service.defenses.report.Report`."""

from service.reports.answering import FORM_RESPONSES, Accept, answer
from service.reports.forms import FORMS, JSON, OFFERED
from service.reports.negotiation import preferred
from service.reports.page import page
from service.reports.reading import read

__all__ = [
    "FORMS",
    "FORM_RESPONSES",
    "JSON",
    "OFFERED",
    "Accept",
    "answer",
    "page",
    "preferred",
    "read",
]
