"""What the user asked for, as one typed value made from flags and environment.

For each flag: the command line wins, then the environment variable, then the default. An empty
variable counts as not set; one that cannot be read is ignored with a warning, as
docs/reference/cli.md says. Pure but for nothing: the environment is handed in as a mapping.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argocd_image_updater.cli.cluster_warnings import cluster_warnings
from argocd_image_updater.cli.credential_options import (
    CredentialOptions,
    read_credential_options,
)
from argocd_image_updater.cli.flag import RUN, Flag, Kind, Section
from argocd_image_updater.cli.flags import flags_of
from argocd_image_updater.cli.parser import check_value
from argocd_image_updater.cli.places import cluster_state_dir, default_platform, default_state_dir
from argocd_image_updater.cli.setting import ORIGIN_DEFAULT, ORIGIN_FLAG, Setting
from argocd_image_updater.cli.values import parse_environment_bool, parse_environment_int
from argocd_image_updater.core.durations import NS_PER_S, format_duration, parse_duration
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.git.signing_key import SigningKey, SigningMethod

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHORT_INTERVAL_NS = 60 * NS_PER_S
_INT_RANGE = range(-(2**31), 2**31)


@dataclass(frozen=True, slots=True)
class GitOptions:
    """How commits are made. message_path: empty = the built-in template.

    signing: None = they are not signed. commits_by_api: GitHub makes them where it can.
    """

    user: str
    email: str
    sign_off: bool
    signing: SigningKey | None
    commits_by_api: bool
    message_path: str
    batch_commits: str
    shared_anchors: str
    allow_local: bool
    cache_bytes: int


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Everything a command that evaluates a cycle needs to know.

    registries_conf_path: None = not given (the manifests', else the default path), empty = only
    the built-in registries. warnings: to be logged once logging works.
    """

    command: str
    manifests: tuple[Path, ...]
    once: bool
    dry_run: bool
    interval_ns: int
    output: str
    log_level: str
    log_format: str
    argocd_namespace: str
    registries_conf_path: str | None
    platform: str
    downgrade: str
    state_dir: Path
    git: GitOptions
    credentials: CredentialOptions
    sigstore_trusted_root: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()


def read_options(
    command: str, *, given: Mapping[str, Any], environ: Mapping[str, str]
) -> RunOptions:
    """Return the options of `run`, `plan` or `explain`.

    given: values of the command line by flag name, None or empty where not given.

    Raises:
        ConfigError: a value cannot be used.
    """
    settings, warnings = resolve(command, given=given, environ=environ)
    value = {name: setting.value for name, setting in settings.items()}
    once = value.get("once", True) or value.get("interval", 0) == 0
    if not once:
        warnings += _interval_warnings(value["interval"], may_pause=not value["manifests"])
    return RunOptions(
        command=command,
        manifests=tuple(Path(folder) for folder in value["manifests"]),
        once=once,
        dry_run=value.get("dry-run", True),
        interval_ns=0 if once else value["interval"],
        output=value["output"],
        log_level=value["loglevel"],
        log_format=value["logformat"],
        argocd_namespace=value["argocd-namespace"],
        registries_conf_path=_registries_path(settings["registries-conf-path"]),
        platform=_checked_platform(value["platform"]),
        downgrade=value["downgrade"],
        state_dir=_state_dir(
            value["state-dir"], environ, in_cluster=command == RUN and not value["manifests"]
        ),
        git=_git_options(value),
        credentials=read_credential_options(settings),
        sigstore_trusted_root=_path(value["sigstore-trusted-root"]),
        environment=environ,
        warnings=(*warnings, *_doubts(command, settings)),
    )


def resolve(
    command: str, *, given: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[dict[str, Setting], tuple[str, ...]]:
    """Return the setting of every flag of a command by name, and warnings about variables."""
    settings: dict[str, Setting] = {}
    warnings: list[str] = []
    for flag in flags_of(command):
        default = flag.default_for(command)
        if given.get(flag.name) not in (None, ()):
            settings[flag.name] = Setting(given[flag.name], ORIGIN_FLAG)
            continue
        text = environ.get(flag.env, "") if flag.env else ""
        settings[flag.name], warning = _from_environment(flag, text, default=default)
        warnings += [warning] if warning else []
    return settings, tuple(warnings)


def _from_environment(flag: Flag, text: str, *, default: Any) -> tuple[Setting, str]:
    if not text:
        return Setting(default, ORIGIN_DEFAULT), ""
    try:
        value = _environment_value(flag, text)
    except ValueError as error:
        used = format_duration(default) if flag.kind is Kind.DURATION else str(default).lower()
        return (
            Setting(default, ORIGIN_DEFAULT),
            f"environment variable {flag.env} is ignored, {used} is used: {error}",
        )
    try:
        return Setting(check_value(flag, value) if flag.choices else value, flag.env), ""
    except ValueError as error:
        raise ConfigError(f'environment variable {flag.env}: "{text}" {error}') from error


def _environment_value(flag: Flag, text: str) -> bool | int | str:
    if flag.kind is Kind.BOOL:
        return parse_environment_bool(text)
    if flag.kind is Kind.INT:
        return parse_environment_int(text, flag.env_allowed or _INT_RANGE)
    if flag.kind is Kind.DURATION:
        return parse_duration(text)
    return text


def _interval_warnings(interval_ns: int, *, may_pause: bool) -> tuple[str, ...]:
    if interval_ns < 0 and may_pause:
        return ("the interval is negative: nothing is ever updated",)
    if interval_ns < 0:
        raise ConfigError(
            f"--interval={format_duration(interval_ns)} would pause for ever",
            hint="give a pause above 0, or --once for a single cycle",
        )
    if interval_ns < _SHORT_INTERVAL_NS:
        text = format_duration(interval_ns)
        return (f"the interval of {text} is short: registries may limit the requests",)
    return ()


def _doubts(command: str, settings: Mapping[str, Setting]) -> tuple[str, ...]:
    """Return warnings about flags that do not do what their names say."""
    if settings["manifests"].value:
        return _ineffective(settings)
    return cluster_warnings(settings) if command == RUN else ()


def _ineffective(settings: Mapping[str, Setting]) -> tuple[str, ...]:
    """Tell about flags on the command line that only the cluster mode uses."""
    names = [
        flag.option
        for flag in flags_of(RUN)
        if flag.section is Section.CLUSTER and flag.name in settings and settings[flag.name].is_flag
    ]
    return (f"without effect together with --manifests: {', '.join(names)}",) if names else ()


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _registries_path(setting: Setting) -> str | None:
    return None if setting.is_default else str(setting.value)


def _checked_platform(text: str) -> str:
    if not text:
        return default_platform()
    parts = text.split("/")
    if len(parts) not in {2, 3} or not all(parts):
        raise ConfigError(
            f'platform "{text}" is not of the form os/arch[/variant]',
            hint="write for example --platform linux/arm64",
        )
    return text


def _state_dir(text: str, environ: Mapping[str, str], *, in_cluster: bool) -> Path:
    if text:
        return Path(text)
    return cluster_state_dir(environ) if in_cluster else default_state_dir(environ)


def _signing_key(method: str, key: str) -> SigningKey | None:
    """Return the key that signs commits, None where there is none."""
    if not key:
        return None
    if key.startswith("-") or not key.isprintable():
        raise ConfigError(
            "the signing key begins with '-', or has a line break",
            hint="--git-commit-signing-key takes the id of a key or the path of its file",
        )
    return SigningKey(SigningMethod(method or "openpgp"), key)


def _git_options(value: Mapping[str, Any]) -> GitOptions:
    return GitOptions(
        user=value["git-commit-user"],
        email=value["git-commit-email"],
        sign_off=value["git-commit-sign-off"],
        signing=_signing_key(
            value["git-commit-signing-method"], value["git-commit-signing-key"] or ""
        ),
        commits_by_api=value["git-commit-method"] == "api",
        message_path=value["git-commit-message-path"],
        batch_commits=value["git-batch-commits"],
        shared_anchors=value["git-shared-anchors"],
        allow_local=value["git-allow-local"] or bool(value["manifests"]),
        cache_bytes=value["git-cache-size"] << 20,
    )
