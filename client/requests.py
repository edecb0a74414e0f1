"""From a call to an ``httpx.Request``, and from an answer to its meaning or an error."""

from __future__ import annotations

from typing import Any

import httpx

from client.call import Call, FileBody
from client.errors import ConfigurationError, InputError
from client.problems import problem_error
from client.streams import FileStream

Http = httpx.Client | httpx.AsyncClient


def request_of(http: Http, call: Call[Any]) -> httpx.Request:
    """A fresh request; a file is opened only when it is sent. Raises InputError."""
    headers = dict(call.headers)
    content = call.content
    if isinstance(content, FileBody):
        headers["content-length"] = str(_size(content))
    request = http.build_request(
        call.method,
        call.path,
        params={name: value for name, value in call.params.items() if value is not None},
        headers=headers,
        json=call.json,
        content=None if isinstance(content, FileBody) else content,
        files=[(part.name, (part.filename, part.content)) for part in call.parts] or None,
        timeout=_timeout(http.timeout, call.wait),
    )
    if isinstance(content, FileBody):
        request.stream = FileStream(content)
    return request


def is_error(call: Call[Any], answer: httpx.Response) -> bool:
    """Whether the answer is one that ``call.read`` does not understand."""
    return not (answer.is_success or answer.status_code in call.also)


def checked(call: Call[Any], answer: httpx.Response) -> httpx.Response:
    """The answer, read whole. Raises ProblemError for what is no success, ConfigurationError when
    the service is elsewhere: a body that was sent would be lost on the way."""
    if answer.has_redirect_location:
        raise ConfigurationError(
            f"{answer.request.url} leads to {answer.headers['location']}; give the address that it"
            " leads to"
        )
    if is_error(call, answer):
        raise problem_error(answer)
    return answer


def _size(body: FileBody) -> int:
    try:
        return body.path.stat().st_size if body.length is None else body.length
    except OSError as error:
        raise InputError(f"{body.path}: {error.strerror}") from error


def _timeout(usual: httpx.Timeout, wait: float) -> httpx.Timeout:
    read = None if usual.read is None else usual.read + wait
    return httpx.Timeout(**usual.as_dict() | {"read": read})
