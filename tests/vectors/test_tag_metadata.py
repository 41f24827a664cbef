"""Tags get the recorded dates, digests and labels from a scripted registry, and one is chosen.

A lookup is put together here as the product does it: tag list, filters, metadata of what is left,
choice. A passing fault of any tag ends the lookup, which is the better result of the flagged case.
"""

from argocd_image_updater.core.candidates import Candidate, dated_by_position, eligible
from argocd_image_updater.core.facts import Failure
from argocd_image_updater.core.filters import parse_allow_tags, parse_ignore_tags
from argocd_image_updater.core.platforms import parse_platforms
from argocd_image_updater.core.settings import Strategy
from argocd_image_updater.core.strategy import select
from argocd_image_updater.registry.metadata import PERMANENT_KINDS, Purpose, read_metadata
from argocd_image_updater.registry.timestamps import ZERO_TIME_NS, parse_created
from registries.identities import OneClient
from registries.scripted import ScriptedRegistry

VECTORS = "tag_metadata"
PROCESS_PLATFORM = "linux/amd64"

UNDATED = {"t": {"created": "zero"}}
# Flags whose better result keeps tags that the reference leaves out, as the oldest ones.
KEEPS_UNDATED = {
    "GAP: keep the tag for digest; treat as oldest for newest-build",
    "GAP: see created missing",
    "GAP: digest does not need created",
}
# What the note of a flagged case means, by tag: the parts of its entry that matter.
BETTER = {
    "docker image, no created": UNDATED,
    "oci image, no created": UNDATED,
    "oci image, no created, digest strategy": UNDATED,
    "created empty": UNDATED,
    "created not RFC 3339": UNDATED,
    "application/json content type": {"t": {"created": "2024-03-01T10:00:00Z"}},
    "no platform constraint, attestation without created spoils the tag": {
        "t": {"created": "2024-01-01T00:00:00Z", "labels": {"a": "amd"}}
    },
    "two lookups on one endpoint: digest for v1, then newest-build": {
        "v0": {"created": "2024-01-01T00:00:00Z", "digest": ""},
        "v1": {"created": "2024-02-01T00:00:00Z", "digest": ""},
    },
}
BETTER_NEWEST = {"two lookups on one endpoint: digest for v1, then newest-build": "v1"}
BETTER_ERROR = {"one tag answers 429 and is skipped"}


class Lookup:
    """One image: its filters, strategy and platforms."""

    def __init__(self, case, operation):
        _, _, overrides = operation.partition(" ")
        strategy, constraint, platform = (overrides or "||").split("|")
        self.strategy = Strategy(strategy or case["strategy"])
        self.constraint = constraint if overrides else case["constraint"]
        wanted = [platform] if overrides else case["platforms"]
        default = "" if case.get("no_platform_constraint") else PROCESS_PLATFORM
        self.platforms = parse_platforms(wanted, default=default).wanted
        self.allow = parse_allow_tags(case.get("allow_tags", ""))
        self.ignore = parse_ignore_tags(case.get("ignore_tags", []))

    async def run(self, client):
        """Return the entries by tag and the chosen tag, or None where the lookup fails."""
        if self.strategy is Strategy.DIGEST and not self.constraint:
            return None
        tags = await client.list_tags()
        if isinstance(tags, Failure):
            return None
        kept = eligible(
            tags.tags,
            allow=self.allow,
            ignore=self.ignore,
            strategy=self.strategy,
            constraint=self.constraint,
        )
        if self._needs_no_metadata(tags.sort):
            candidates = {one.name: (one, "") for one in dated_by_position(kept, tags.sort)}
        else:
            candidates = await self._read(client, kept)
        if candidates is None:
            return None
        chosen = select(self.strategy, self.constraint, [one for one, _ in candidates.values()])
        return candidates, chosen.chosen.name if chosen.chosen else None

    def _needs_no_metadata(self, sort):
        if self.strategy is Strategy.DIGEST:
            return False
        return bool(sort) or self.strategy is not Strategy.NEWEST_BUILD

    async def _read(self, client, tags):
        is_digest = self.strategy is Strategy.DIGEST
        purpose = Purpose.DIGEST if is_digest else Purpose.METADATA
        found = {}
        for tag in tags:
            metadata = await read_metadata(client, tag, platforms=self.platforms, purpose=purpose)
            if isinstance(metadata, Failure):
                if metadata.kind not in PERMANENT_KINDS:
                    return None
                continue
            digest = metadata.digest if is_digest else ""
            candidate = Candidate(tag, metadata.created_ns, digest, metadata.labels)
            found[tag] = (candidate, metadata.digest)
        return found


def entry_of(candidate, manifest_digest):
    """One tag in the words of the vector file, its date as a number."""
    created_ns = candidate.created_ns
    entry = {
        "tag": candidate.name,
        "created": ZERO_TIME_NS if created_ns is None else created_ns,
        "digest": candidate.digest,
        "manifest_digest": manifest_digest,
    }
    return entry | ({"labels": dict(candidate.labels)} if candidate.labels else {})


def instant_of(text):
    return ZERO_TIME_NS if text == "zero" else parse_created(text)


def recorded_entry(entry):
    return entry | {"created": instant_of(entry["created"])}


def keeps_undated(case, entries, recorded):
    """Tell whether entries are the recorded ones and undated ones beside them."""
    if case.get("deviation_allowed") not in KEEPS_UNDATED:
        return False
    known = {entry["tag"] for entry in recorded["tags"]}
    extra = [entry for entry in entries if entry["tag"] not in known]
    return all(entry["created"] == ZERO_TIME_NS for entry in extra) and [
        entry for entry in entries if entry["tag"] in known
    ] == [recorded_entry(entry) for entry in recorded["tags"]]


def is_better(case, entries, newest):
    """Tell whether entries are the better result that the note of a flagged case names."""
    wanted = BETTER.get(case["note"])
    if wanted is None or set(wanted) != {entry["tag"] for entry in entries}:
        return False
    expected_newest = BETTER_NEWEST.get(case["note"], next(iter(wanted)))
    return newest == expected_newest and all(
        entry | recorded_entry(wanted[entry["tag"]]) == entry for entry in entries
    )


async def test_tags_get_the_recorded_metadata(case):
    async with (
        ScriptedRegistry(case["routes"]) as registry,
        OneClient(
            registry.base + case.get("api_path", ""),
            case["repository"],
            tag_sort=case.get("tagsortmode", ""),
        ) as client,
    ):
        results = [await Lookup(case, operation).run(client) for operation in case["operations"]]
    for result, recorded in zip(results, case["expect"]["results"], strict=True):
        if case["note"] in BETTER_ERROR and result is None:
            continue
        assert (result is None) == bool(recorded.get("error"))
        if result is None:
            continue
        candidates, newest = result
        entries = [entry_of(*pair) for pair in candidates.values()]
        if is_better(case, entries, newest) or keeps_undated(case, entries, recorded):
            continue
        assert newest == recorded["newest"]
        by_tag = sorted(entries, key=lambda entry: entry["tag"])
        expected = [recorded_entry(entry) for entry in recorded["tags"]]
        assert by_tag == sorted(expected, key=lambda entry: entry["tag"])


async def test_better_results_are_ours(case):
    """A flagged case gives the better result, not only an accepted one."""
    if case["note"] not in BETTER and case["note"] not in BETTER_ERROR:
        return
    async with (
        ScriptedRegistry(case["routes"]) as registry,
        OneClient(registry.base, case["repository"]) as client,
    ):
        results = [await Lookup(case, operation).run(client) for operation in case["operations"]]
    if case["note"] in BETTER_ERROR:
        assert results == [None]
        return
    candidates, newest = results[-1]
    assert is_better(case, [entry_of(*pair) for pair in candidates.values()], newest)
