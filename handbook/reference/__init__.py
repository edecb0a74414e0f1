"""Pages made of the code whenever the site is built, so that they are never out of date."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from handbook.reference import command, errors, http, parameters, python, schemas, settings

PAGES: Mapping[str, Callable[[], str]] = {
    "reference/command.md": command.page,
    "reference/errors.md": errors.page,
    "reference/http.md": http.page,
    "reference/parameters.md": parameters.page,
    "reference/python-client.md": python.client_page,
    "reference/python-library.md": python.library_page,
    "reference/schemas.md": schemas.page,
    "reference/settings.md": settings.page,
}
