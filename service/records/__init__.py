"""The tables. Rows are read and written by the repositories only.

base.py      what all tables have in common
files.py     stored bytes, and how they came
defenses.py  jobs: what was asked for, what was given, what happened
models.py    purified models, and the names that they are called by
webhooks.py  who is told of a defense
access.py    who may do what, and who did
erasures.py  what was deleted on request
"""

from service.records.access import AuditRecord, KeyRecord, TenantRecord
from service.records.base import NAMING, Record, UtcDateTime, table_of
from service.records.defenses import (
    LEASED,
    WAITING,
    DefenseRecord,
    EventRecord,
    IdempotencyRecord,
    InputRecord,
)
from service.records.erasures import ErasedRecord, ErasureRecord
from service.records.files import BlobRecord, MultipartRecord, PartRecord, UploadRecord
from service.records.models import ModelRecord, NameRecord, NameVersionRecord
from service.records.webhooks import DeliveryRecord, WebhookSecretRecord

__all__ = [
    "LEASED",
    "NAMING",
    "WAITING",
    "AuditRecord",
    "BlobRecord",
    "DefenseRecord",
    "DeliveryRecord",
    "ErasedRecord",
    "ErasureRecord",
    "EventRecord",
    "IdempotencyRecord",
    "InputRecord",
    "KeyRecord",
    "ModelRecord",
    "MultipartRecord",
    "NameRecord",
    "NameVersionRecord",
    "PartRecord",
    "Record",
    "TenantRecord",
    "UploadRecord",
    "UtcDateTime",
    "WebhookSecretRecord",
    "table_of",
]
