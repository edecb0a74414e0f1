"""What boto3 raises, told in the service's own errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from service.errors import LostBlobError, UnavailableError

_MISSING = {"NoSuchKey", "NoSuchUpload", "404", "NotFound"}


@contextmanager
def translated_errors() -> Iterator[None]:
    """boto3's errors as ours; no key, endpoint or credential reaches the message."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        if code in _MISSING:
            raise LostBlobError(f"not in the object store ({code})") from error
        raise UnavailableError(f"the object store answered {code}") from error
    except (BotoCoreError, S3UploadFailedError) as error:
        raise UnavailableError(
            f"the object store cannot be reached ({type(error).__name__})"
        ) from error
