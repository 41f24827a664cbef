"""The faults of registries that are tried, with what must become of each.

`registry_matrix.py` has the program meet all of them; docs/registry-faults.md shows what it saw.
"""

from dataclasses import dataclass

from faults.http_proxy import (
    endless,
    half,
    other_bytes,
    page,
    redirect,
    reset,
    status,
    without_tag,
)
from faults.registry_faults import (
    NEW_PASSWORD,
    Away,
    Certificate,
    ConfigSpoilt,
    Fault,
    LateToken,
    Login,
    NewPassword,
    NoName,
    Nothing,
    Script,
    Spoilt,
    TagGoes,
)
from faults.spoilt import (
    bomb,
    cut,
    drip,
    huge,
    in_pages,
    link_loop,
    new_password,
    open_door,
    reset_in_body,
    stall,
    tags,
    with_header,
)
from registries.distribution import PASSWORD, USERNAME, basic_header

SEMVER, NEWEST_BUILD, DIGEST = "semver", "newest-build", "digest"
RIGHT = {SEMVER: "1.1.0", NEWEST_BUILD: "1.2.0"}  # digest: that of the image pushed last
SAME_CYCLE, NEXT_CYCLE, NEXT_START = "in the same cycle", "in the next cycle", "at the next start"

LISTS = "Lists of tags"
IMAGES = "Manifests and configurations"
HEADS = "Questions for a digest"
WAYS = "Names, certificates and connections"
LOGINS = "Credentials"

_JSON = ("Content-Type", "application/json")
_SHORT = {"timeout": "1s"}
_HOUR = ("Retry-After", "3600")
_SECOND = ("Retry-After", "1")
_LIST = "tags/list"
_NEWEST = "manifests/1.2.0"
_HEAD = "HEAD .*/manifests/main"
_MAIN = "manifests/main"
_OTHER_DIGEST = "sha256:" + "0" * 64


@dataclass(frozen=True, kw_only=True)
class Case:
    """One fault: name of its repository and Application, what happens in words, what must follow.

    later: it begins after a cycle in which all was well. declared: the tag at the beginning.
    written: the value that must stand at the end of its cycle; empty = as before. words: of the
    message. host: cases with the same one share a host of the registry.
    """

    name: str
    section: str
    told: str
    fault: Fault
    reason: str
    strategy: str = SEMVER
    later: bool = False
    declared: str = "1.0.0"
    written: str = ""
    recovers: str = NEXT_CYCLE
    words: str = ""
    host: str = ""


def _lists(name, told, action, reason="RegistryError", *, times=None, settings=None, **more):
    fault = Spoilt(_LIST, action, times=times, settings=settings)
    return Case(name=name, section=LISTS, told=told, fault=fault, reason=reason, **more)


def _image(name, told, action, reason="MetadataIncomplete", *, at=_NEWEST, settings=None, **more):
    fault = Spoilt(at, action, settings=settings)
    return Case(name=name, section=IMAGES, told=told, fault=fault, reason=reason,
                strategy=NEWEST_BUILD, **{"words": "1.2.0", **more})  # fmt: skip


def _config(name, told, action, reason="MetadataIncomplete"):
    fault = ConfigSpoilt("1.2.0", action)
    return Case(name=name, section=IMAGES, told=f"configuration: {told}", fault=fault,
                reason=reason, strategy=NEWEST_BUILD, words="1.2.0")  # fmt: skip


def _digest(name, told, action, reason="RegistryError", *, at=_HEAD, settings=None, **more):
    fault = Spoilt(at, action, settings=settings)
    return Case(name=name, section=HEADS, told=told, fault=fault, reason=reason,
                strategy=DIGEST, **{"later": True, **more})  # fmt: skip


def _passes():
    return {"reason": "Updated", "recovers": SAME_CYCLE}


_IN_LISTS = (
    _lists("busy", "429", status(429), "RateLimited"),
    _lists("busy-second", "429 with `Retry-After: 1`", status(429, _SECOND), "RateLimited"),
    _lists("busy-once", "429 with `Retry-After: 1`, once", status(429, _SECOND), times=1,
           **_passes()),
    _lists("busy-hour", "429 with `Retry-After: 3600`", status(429, _HOUR), "RateLimited",
           recovers=NEXT_START),
    _lists("broken", "500", status(500), words="500"),
    _lists("gateway", "502", status(502), words="502"),
    _lists("unavailable", "503", status(503), words="503"),
    _lists("unavailable-once", "503, once", status(503), times=1, **_passes()),
    _lists("unavailable-hour", "503 with `Retry-After: 3600`", status(503, _HOUR), "RateLimited",
           recovers=NEXT_START),
    _lists("reset", "connection reset before the answer", reset),
    _lists("reset-body", "connection reset in the body", reset_in_body),
    _lists("half", "body that ends too early", half),
    _lists("cut", "JSON cut in the middle", cut, words="not a tag list"),
    _lists("garbage", "200 with something else than JSON", status(200, _JSON, body=b"{]"),
           words="not a tag list"),
    _lists("page", "200 with an HTML page", page),
    _lists("drip", "a byte at a time", drip, settings=_SHORT, words="in time"),
    _lists("stall", "30 s of silence, `timeout: 1s`", stall, settings=_SHORT, words="in time"),
    _lists("huge", "100 MB", huge, words="larger than"),
    _lists("bomb", "100 MB in 100 KB of gzip", bomb, words="unfolds"),
    _lists("link-loop", "link to the next page that leads to itself", link_loop,
           words="read already"),
    _lists("endless", "pages without end", endless, words="no new tag"),
    _lists("circle", "redirects in a circle", redirect("tags/list"), words="redirects"),
    _lists("unknown", "404", status(404), "RepositoryUnknown"),
    _lists("empty", "empty list", tags(lambda _: []), "NoTags"),
    _lists("no-current", "list without the tag that runs and newer ones",
           tags(lambda listed: [tag for tag in listed if tag < "1.0.5"]), "ListIncomplete",
           declared="1.0.5"),
    _lists("no-running", "list without the tag that runs", without_tag("1.0.0"), "ListIncomplete"),
    _lists("twice", "every tag twice", tags(lambda listed: listed * 2),
           **_passes()),
    Case(name="forbidden", section=LISTS, told="403 on one repository", host="shared",
         fault=Spoilt("/forbidden/tags/list", status(403)), reason="AuthFailed"),
    Case(name="neighbour", section=LISTS, told="nothing, on another repository of the same host",
         host="shared", fault=Nothing("/neighbour/tags/list"), **_passes()),
)  # fmt: skip

_IN_IMAGES = (
    _image("n-busy", "manifest: 429", status(429), "RateLimited"),
    _image("n-broken", "manifest: 500", status(500)),
    _image("n-unavailable", "manifest: 503", status(503)),
    _image("n-forbidden", "manifest: 403", status(403), "AuthFailed"),
    _image("n-reset", "manifest: connection reset in the body", reset_in_body),
    _image("n-half", "manifest: body that ends too early", half),
    _image("n-cut", "manifest: JSON cut in the middle", cut),
    _image("n-page", "manifest: 200 with an HTML page", page),
    _image("n-bytes", "manifest: other bytes than its digest says", other_bytes),
    _image("n-drip", "manifest: a byte at a time", drip, settings=_SHORT),
    _image("n-stall", "manifest: 30 s of silence, `timeout: 1s`", stall, settings=_SHORT),
    _image("n-huge", "manifest: 100 MB", huge),
    _image("n-bomb", "manifest: 100 MB in 100 KB of gzip", bomb),
    _config("c-broken", "500", status(500)),
    _config("c-forbidden", "403", status(403), "AuthFailed"),
    _config("c-half", "body that ends too early", half),
    _config("c-bytes", "other bytes than its digest says", other_bytes),
    _config("c-huge", "100 MB", huge),
    _config("c-bomb", "100 MB in 100 KB of gzip", bomb),
    _image("h-broken", "check of the tag that runs: 503", status(503),
           at="HEAD .*/manifests/1.1.0", later=True, words="1.1.0"),
    Case(name="gone", section=IMAGES, told="newest tag deleted after the list was given",
         strategy=NEWEST_BUILD, fault=TagGoes(), reason="Updated", written="1.1.0"),
)  # fmt: skip

_IN_HEADS = (
    _digest("d-busy", "429", status(429), "RateLimited"),
    _digest("d-broken", "500", status(500)),
    _digest("d-forbidden", "403", status(403), "AuthFailed"),
    _digest("d-reset", "connection reset", reset),
    _digest("d-stall", "30 s of silence, `timeout: 1s`", stall, settings=_SHORT),
    _digest("d-gone", "404", status(404), "ConstraintUnmatched"),
    _digest("d-other", "digest of a manifest that is not there",
            with_header("Docker-Content-Digest", _OTHER_DIGEST)),
    _digest("d-silent", "answer without a digest", with_header("Docker-Content-Digest", None),
            **_passes()),
    _digest("d-page", "200 with an HTML page", page, at=_MAIN),
    _digest("d-bytes", "manifest with other bytes than its digest says", other_bytes, at=_MAIN,
            later=False),
    _digest("d-huge", "manifest of 100 MB", huge, at=_MAIN, later=False),
)  # fmt: skip


def _way(name, told, fault, reason, **more):
    return Case(name=name, section=WAYS, told=told, fault=fault, reason=reason, **more)


_IN_WAYS = (
    _way("away", "connection refused", Away(), "RegistryError"),
    _way("no-name", "name service without an answer", NoName(), "RegistryError"),
    _way("expired", "certificate that has expired", Certificate(expired=True), "RegistryError",
         words="expired"),
    _way("issuer", "certificate of an unknown authority, which is trusted later",
         Certificate(foreign=True, trusted=True), "SettingsInvalid", words="issuer"),
    _way("wrong-name", "certificate for another name", Certificate("elsewhere.test"),
         "SettingsInvalid", words="localhost"),
    _way("renewed", "certificate renewed by the same authority while the program runs",
         Certificate(), later=True, **_passes()),
    _way("rotated", "certificate of a new authority while the program runs, which is trusted later",
         Certificate(foreign=True, trusted=True), "SettingsInvalid", later=True, words="issuer"),
)  # fmt: skip


def _login(name, told, fault, reason, **more):
    return Case(name=name, section=LOGINS, told=told, fault=fault, reason=reason, **more)


_ROTATED = new_password(USERNAME, NEW_PASSWORD, true_header=basic_header(USERNAME, PASSWORD))
_IN_LOGINS = (
    _login("late-token", "token that has expired in the middle of a list",
           LateToken(in_pages),
           **_passes()),
    _login("open-door", "200 to the first question, 401 to the list",
           Login("GET /v2/$", open_door, wrong=False), **_passes()),
    _login("closed", "200 to the first question, 401 to the list, wrong password in the Secret",
           Login("GET /v2/$", open_door), "AuthFailed"),
    _login("new-password", "new password while the program runs, in the Secret at the same time",
           NewPassword(_ROTATED, told=True), later=True, **_passes()),
    _login("late-password", "new password while the program runs, in the Secret later",
           NewPassword(_ROTATED, told=False), "AuthFailed", later=True),
    _login("hangs", "script that hangs, `--credential-program-timeout=1s`",
           Script(["sleep 600"]), "CredentialsUnavailable", words="did not end"),
    _login("fails", "script that fails", Script(["echo no such login >&2", "exit 3"]),
           "CredentialsUnavailable", words="exit status 3"),
    _login("two-lines", "script that prints two lines",
           Script([f"echo {USERNAME}:{PASSWORD}", "echo another line"]),
           "CredentialsUnavailable", words="line"),
)  # fmt: skip

CASES = (*_IN_LISTS, *_IN_IMAGES, *_IN_HEADS, *_IN_WAYS, *_IN_LOGINS)
