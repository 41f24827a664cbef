"""The login of a registry that a cloud gave."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CloudLogin:
    """User and password, how long they live, and the source of the identity they belong to."""

    username: str
    password: str = field(repr=False)
    life_s: float
    identity: str
