"""The connection pool of a client, which sends what a request says and nothing else.

No cookies, no netrc, nothing from the real environment; headers of answers are bounded; requests
that are given up leave no connection behind, see `answering.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

from argocd_image_updater import __version__
from argocd_image_updater.net.answering import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

USER_AGENT = f"argocd-image-updater/{__version__}"
MAX_HEADER_BYTES = 32_768  # one header line; long Link and Location headers are legitimate


def open_session(
    connector: aiohttp.BaseConnector, *, headers: Mapping[str, str], decompress: bool
) -> aiohttp.ClientSession:
    """Return a session of its own. headers: of every request, beside the name of this program."""
    return aiohttp.ClientSession(
        response_class=Answer,
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=decompress,
        trust_env=False,
        max_line_size=MAX_HEADER_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        headers={"User-Agent": USER_AGENT, **headers},
    )
