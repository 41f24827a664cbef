"""The flags of ``test``, ``doctor`` and ``validate``, which only look.

No environment variable is their default: what is tested is what the command line says. Some share
their name with a flag of other commands, then also type and words.
"""

from __future__ import annotations

from argocd_image_updater.cli.flag import DOCTOR, LOG_LEVELS, TEST, VALIDATE, Flag, Kind, Section

_ONLY = frozenset({TEST})
_ONLY_DOCTOR = frozenset({DOCTOR})
_BOTH = _ONLY | _ONLY_DOCTOR
_AT_LEAST_ZERO = range(2**31)


def _flag(
    name: str,
    text: str,
    *,
    kind: Kind = Kind.TEXT,
    default: bool | int | str | tuple[str, ...] = "",
    metavar: str = "",
    path: str = "",
    default_note: str = "",
    allowed: range | None = None,
    commands: frozenset[str] = _ONLY,
) -> Flag:
    return Flag(
        name,
        text,
        kind=kind,
        default=default,
        section=Section.TEST,
        commands=commands,
        metavar=metavar,
        path=path,
        default_note=default_note,
        allowed=allowed,
    )


LOOK_UP_FLAGS: tuple[Flag, ...] = (
    _flag(
        "semver-constraint",
        "The constraint; with the strategy digest, the tag to follow. The tag in IMAGE is not "
        "the constraint.",
        metavar="CONSTRAINT",
    ),
    _flag(
        "update-strategy",
        "How one tag is chosen: semver, newest-build, alphabetical or digest. Another word means "
        "semver, with a warning.",
        default="semver",
        metavar="STRATEGY",
    ),
    _flag(
        "allow-tags",
        "Which tags may be chosen: any, or regexp:EXPRESSION.",
        metavar="MATCH",
    ),
    _flag(
        "ignore-tags",
        "A pattern of tags that are left out. May be given several times; a comma belongs to the "
        "pattern.",
        kind=Kind.LIST,
        default=(),
        metavar="GLOB",
    ),
    _flag(
        "platforms",
        "Platforms of which the image must offer one, as os/arch[/variant] separated by commas. "
        "May be given several times.",
        kind=Kind.LIST,
        default=(),
        metavar="PLATFORMS",
        default_note="that of this machine",
    ),
    _flag(
        "newest-by",
        "By which time newest-build finds the newest: created or pushed, where the registry tells.",
        default="created",
        metavar="WHAT",
    ),
    _flag(
        "minimum-age",
        "How old a tag must be to be chosen, such as 3d, 72h or 1d12h. This command has seen "
        "nothing before: an age is known where the registry tells it, or by --minimum-age-from "
        "created.",
        metavar="AGE",
    ),
    _flag(
        "minimum-age-from",
        "From when the age counts: seen, by this command, or created, as the image says.",
        default="seen",
        metavar="WHAT",
    ),
    _flag(
        "registries-conf-path",
        "Registries configuration; it must be there. Empty: as if not given.",
        metavar="FILE",
        path="file",
        default_note="/app/config/registries.conf if it is there, else the built-in registries",
        commands=_BOTH,
    ),
    Flag(
        "registries-conf-path",
        "Registries configuration; it must be there. registries.extra.conf beside it is read too.",
        metavar="FILE",
        path="file",
        default_note="that of the manifests, else /app/config/registries.conf",
        section=Section.REGISTRIES,
        commands=frozenset({VALIDATE}),
    ),
    _flag(
        "credentials",
        "Credential reference to use instead of that of the registry: secret:, pullsecret:, env:, "
        "ext:, aws:, gcp: or azure:. Only the first two need a cluster.",
        metavar="REFERENCE",
        commands=_BOTH,
    ),
    _flag(
        "rate-limit",
        "Requests per second instead of the limit of the registry; 0 = unlimited.",
        kind=Kind.INT,
        default=0,
        default_note="the limit of the registry",
        allowed=_AT_LEAST_ZERO,
    ),
    _flag(
        "kubeconfig",
        "Kubernetes client configuration; read only where credentials stand in a Secret.",
        metavar="FILE",
        path="file",
        commands=_BOTH,
    ),
    Flag(
        "output",
        "table: the resulting reference alone on standard output and, on a terminal or with "
        "--all, a table of the tags on standard error. json: one document with both on standard "
        "output.",
        default="table",
        choices=("table", "json"),
        section=Section.TEST,
        commands=_ONLY,
    ),
    _flag(
        "all",
        "List every tag, not only the newest.",
        kind=Kind.BOOL,
        default=False,
    ),
    Flag(
        "loglevel",
        "Least important log lines to write. They go to standard error.",
        default="debug",
        choices=LOG_LEVELS,
        ignore_case=True,
        section=Section.TEST,
        commands=_ONLY,
    ),
    Flag(
        "output",
        "table: a line for each check, and the verdict. json: one document.",
        default="table",
        choices=("table", "json"),
        section=Section.TEST,
        commands=_ONLY_DOCTOR,
    ),
    Flag(
        "loglevel",
        "Least important log lines to write. They go to standard error.",
        default="warn",
        choices=LOG_LEVELS,
        ignore_case=True,
        section=Section.TEST,
        commands=_ONLY_DOCTOR,
    ),
)
