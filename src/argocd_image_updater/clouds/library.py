"""How the libraries of the clouds are used: in a thread, bounded, and silent.

They are foreign and large: they are imported when a token is asked for, work in a thread, and of
their errors only names and codes are told, because their texts can hold what was sent. What they
would log is switched off for the same reason.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from argocd_image_updater.errors import UpdaterError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# Of one login with everything the library tries for it; its own deadlines are shorter.
LOGIN_S = 60.0
CONNECT_S = 5.0
ANSWER_S = 10.0

_LIBRARIES = ("botocore", "google.auth", "azure", "msal", "urllib3")


class Cloud(StrEnum):
    """The clouds; the words are names of extras, kinds of references and values of flags."""

    AWS = "aws"
    GCP = "gcp"
    AZURE = "azure"


class CloudIdentityError(UpdaterError):
    """A cloud gave no login. The message names the identity and never a token."""


@dataclass(frozen=True, slots=True)
class CloudToken:
    """A token, how long it lives, and the source of the identity it belongs to."""

    token: str = field(repr=False)
    life_s: float
    identity: str


async def in_thread(cloud: Cloud, work: Callable[[], T], *, docs: str) -> T:
    """Return what a function of a cloud's library returns. docs: the page that tells more.

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
            f"{cloud} gave no login: {type(error).__name__}; see {docs}"
        ) from None
