"""An answer that ends its connection at once where nobody waits for it any more.

aiohttp closes it politely: over TLS that waits for the server's farewell, which a server that is
busy with the request sends late or never, and the socket outlives its client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from typing import Self

    from aiohttp.connector import Connection


class Answer(aiohttp.ClientResponse):
    """A response whose connection is cut when the wait for its head is given up."""

    async def start(self, connection: Connection) -> Self:
        try:
            await super().start(connection)
        except BaseException:
            if connection.transport is not None:
                connection.transport.abort()
            raise
        return self
