"""An answer that ends its connection at once where nobody waits for it any more.

aiohttp closes it politely: over TLS that waits for the server's farewell, which a server that is
busy with the request sends late or never, and the socket outlives its client. An answer that was
read to its end has given its connection back to the pool before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from typing import Self

    from aiohttp.connector import Connection


class Answer(aiohttp.ClientResponse):
    """A response whose connection is cut when it is given up, before its head or before its end."""

    async def start(self, connection: Connection) -> Self:
        try:
            await super().start(connection)
        except BaseException:
            _cut(connection)
            raise
        return self

    def release(self) -> Any:
        _cut(self.connection)
        return super().release()

    def close(self) -> None:
        _cut(self.connection)
        super().close()


def _cut(connection: Connection | None) -> None:
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
