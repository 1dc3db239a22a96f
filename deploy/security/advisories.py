"""Whether a source of advisories can be had and knows anything: one that knows nothing finds nothing."""

from __future__ import annotations

import json
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.request import Request, urlopen

OSV_URL = "https://api.osv.dev/v1/query"
# Its hole (a path traversal, CVE-2024-23334) is in every database worth asking.
_HOLE = {"package": {"name": "aiohttp", "ecosystem": "PyPI"}, "version": "3.9.0"}
_WITHIN_S = 5.0


def unusable(url: str) -> str | None:
    """None where the source names the holes of a version that has some; else why it cannot be relied on."""
    question = Request(url, json.dumps(_HOLE).encode(), {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urlopen(question, timeout=_WITHIN_S) as answer:  # noqa: S310 - the operator's  # nosec B310
            found = json.loads(answer.read())
    except HTTPError as error:
        error.close()
        return f"{url} answered with HTTP {error.code}"
    except (OSError, HTTPException, ValueError) as error:
        return f"{url} cannot be had ({getattr(error, 'reason', None) or type(error).__name__})"
    if isinstance(found, dict) and found.get("vulns"):
        return None
    return f"{url} does not know the holes of aiohttp 3.9.0, so it would find none of ours"
