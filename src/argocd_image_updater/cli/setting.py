"""The value of one flag together with where it was set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ORIGIN_FLAG, ORIGIN_DEFAULT = "flag", "default"


@dataclass(frozen=True, slots=True)
class Setting:
    """The value of one flag; origin is ``flag``, ``default`` or the name of the variable."""

    value: Any
    origin: str

    @property
    def is_flag(self) -> bool:
        return self.origin == ORIGIN_FLAG

    @property
    def is_default(self) -> bool:
        return self.origin == ORIGIN_DEFAULT
