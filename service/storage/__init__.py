"""Object stores behind one small interface: a local folder, or S3."""

from service.storage.base import Store, StoredObject
from service.storage.open import open_store

__all__ = ["Store", "StoredObject", "open_store"]
