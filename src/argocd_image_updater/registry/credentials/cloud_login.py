"""What the modules of the single clouds share: question, answer and error.

Their libraries are foreign and large: they are imported when a login is asked for, work in a
thread, and of their errors only names and codes are told, because their texts can hold what was
sent. What they would log is switched off for the same reason.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from argocd_image_updater.errors import UpdaterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from argocd_image_updater.registry.credentials.clouds import Cloud

T = TypeVar("T")

# Of one login with everything the library tries for it; its own deadlines are shorter.
LOGIN_S = 60.0
CONNECT_S = 5.0
ANSWER_S = 10.0
DOCS = "docs/credentials.md"

_LIBRARIES = ("botocore", "google.auth", "azure", "msal", "urllib3")


class CloudIdentityError(UpdaterError):
    """A cloud gave no login. The message names the identity and never a token."""


@dataclass(frozen=True, slots=True)
class CloudLogin:
    """User and password, how long they live, and the source of the identity they belong to."""

    username: str
    password: str = field(repr=False)
    life_s: float
    identity: str


async def in_thread(cloud: Cloud, work: Callable[[], T]) -> T:
    """Return what a function of a cloud's library returns.

    Raises:
        CloudIdentityError: it raised, took too long, or is not installed.
    """
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        async with asyncio.timeout(LOGIN_S):
            return await asyncio.to_thread(work)
    except CloudIdentityError:
        raise
    except ImportError as error:
        raise CloudIdentityError(
            f"the library for {cloud} is not installed ({error.name}); "
            f"pip install 'argocd-image-updater[{cloud}]'"
        ) from None
    except TimeoutError:
        raise CloudIdentityError(f"{cloud} gave no login within {LOGIN_S:g} s") from None
    except Exception as error:  # noqa: BLE001 - the libraries raise what they like
        raise CloudIdentityError(
            f"{cloud} gave no login: {type(error).__name__}; see {DOCS}"
        ) from None
