"""Where files that outlive a process are kept: a local folder or an S3 bucket behind the same five calls.

An object is written whole or not at all, so that a reader never meets half of one. The calls block; a
coroutine makes them in a thread.
"""

from pipeline.objects.base import ObjectMissing, ObjectStore, StoreError, checked_key
from pipeline.objects.local import LocalStore
from pipeline.objects.place import link, open_store
from pipeline.objects.probe import probe
from pipeline.objects.s3 import S3Store

__all__ = [
    "LocalStore", "ObjectMissing", "ObjectStore", "S3Store", "StoreError", "checked_key", "link",
    "open_store", "probe",
]  # fmt: skip
