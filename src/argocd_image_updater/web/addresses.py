"""Where a server listens, as flags say it: ``:8081``, ``127.0.0.1:8080``, ``[::1]:8443``, ``0``.

Source: the addresses of Go's net package, https://pkg.go.dev/net#Listen, with port numbers only.
"""

from __future__ import annotations

from dataclasses import dataclass

from argocd_image_updater.errors import ConfigError, shorten

OFF = "0"
_LAST_PORT = 65535
_MAX_DIGITS = 5


@dataclass(frozen=True, slots=True)
class BindAddress:
    """host: empty = every address of this machine. port: 0 = any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_bind_address(text: str, *, flag: str) -> BindAddress | None:
    """Return where to listen, None for nowhere (``0`` or nothing).

    Raises:
        ConfigError: the text is no such address.
    """
    text = text.strip()
    if text in {"", OFF}:
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not _is_port(port):
        raise _invalid(text, flag=flag)
    if host.startswith("[") and host.endswith("]"):
        return BindAddress(host[1:-1], int(port))
    if ":" in host or not host.isprintable() or any(map(str.isspace, host)):
        raise _invalid(text, flag=flag)
    return BindAddress(host, int(port))


def _is_port(text: str) -> bool:
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        return False
    return int(text) <= _LAST_PORT


def _invalid(text: str, *, flag: str) -> ConfigError:
    return ConfigError(
        f"--{flag} {shorten(text)!r} is not an address to listen on",
        hint="write :PORT, HOST:PORT or [IPV6]:PORT, or 0 for no server",
    )
