"""An AWS on loopback for tests: moto's server with what its CloudFormation lacks (`resources.py`).

Run by `sandbox.child.child`; it announces its address.
"""

from __future__ import annotations

import asyncio
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from sandbox.child import announce, told_to_end
from tests.deploy.cloud import network, resources
from tests.deploy.cloud.calls import served_at

KINDS = network.KINDS + resources.KINDS  # they count by being there


class Quiet(MotoRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002
        pass


async def main() -> None:
    app = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    url = f"http://127.0.0.1:{server.port}"
    served_at(url)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    over = told_to_end(with_parent=True)
    announce(url=url)
    await over.wait()
    server.shutdown()
    thread.join()


if __name__ == "__main__":
    asyncio.run(main())
