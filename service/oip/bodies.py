"""The bytes of an inference request and of its answer, as HTTP carries them."""

from __future__ import annotations

from anyio import to_thread
from fastapi import Request, Response

from service.http.headers import header
from service.oip.answers import Encoded
from service.oip.compression import SMALLEST, accepted, compressed, inflated
from service.oip.framing import HEADER_LENGTH
from service.resources import Resources

BINARY = "application/octet-stream"
JSON = "application/json"
QUICK = 64 << 10
"""Bytes that are compressed before a thread could be asked."""


async def read(request: Request, resources: Resources) -> bytes:
    """The body, inflated. Raises MediaTypeError, TooLargeError, InferenceRequestError; reading
    past the limit is what the application's BodyLimit stops."""
    body = await request.body()
    encoding = header(request.scope, b"content-encoding")
    if not encoding:
        return body
    async with resources.inflating:
        limit = resources.settings.max_tensor_bytes
        return await to_thread.run_sync(inflated, body, encoding, limit)


async def respond(request: Request, encoded: Encoded) -> Response:
    """The answer, compressed if the client asks for it and it is worth it."""
    headers = {}
    body = encoded.body
    if encoded.header_length is not None:
        headers[HEADER_LENGTH] = str(encoded.header_length)
    encoding = accepted(header(request.scope, b"accept-encoding"))
    if encoding and len(body) >= SMALLEST:
        headers |= {"Content-Encoding": encoding, "Vary": "Accept-Encoding"}
        if len(body) <= QUICK:
            body = compressed(body, encoding)
        else:
            body = await to_thread.run_sync(compressed, body, encoding)
    kind = JSON if encoded.header_length is None else BINARY
    return Response(body, media_type=kind, headers=headers)
