"""`python -m bot.alive`: whether the bot of this container answers at `/healthz`, as an exit code.

A container's health check runs every half minute beside the bot, so this imports nothing but the standard
library, and no curl has to be in the image.
"""

from __future__ import annotations

import http.client
import os
import sys

WITHIN_S = 4.0


def alive(port: int) -> bool:
    """Whether a 200 comes within some seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main() -> int:
    """0 if it is alive; else 1, and a line for whoever looks at the container's health."""
    port = int(os.environ.get("HTTP_PORT") or 8080)
    if alive(port):
        return 0
    sys.stderr.write(f"nothing answers at http://127.0.0.1:{port}/healthz\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
