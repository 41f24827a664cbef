"""Tags get the recorded dates, digests and labels from a scripted registry, and one is chosen.

A lookup is put together here as the product does it: tag list, filters, metadata of what is left,
choice. A passing fault of any tag ends the lookup, which is the better result of the flagged case.
"""

import json
import re

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
from vectors.flags import is_flagged, rule_of

VECTORS = "tag_metadata"
PROCESS_PLATFORM = "linux/amd64"


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
    outcomes = [outcome_of(result) for result in results]
    for outcome, recorded in zip(outcomes, case["expect"]["results"], strict=True):
        assert outcome == recorded_outcome(recorded) or is_better(case, outcome, recorded), outcome


def outcome_of(result):
    """Return entries by tag and the chosen one, or None where the lookup fails."""
    if result is None:
        return None
    candidates, newest = result
    entries = [entry_of(*pair) for pair in candidates.values()]
    return {"tags": sorted(entries, key=lambda entry: entry["tag"]), "newest": newest}


def recorded_outcome(recorded):
    if recorded.get("error"):
        return None
    entries = [recorded_entry(entry) for entry in recorded["tags"]]
    return {
        "tags": sorted(entries, key=lambda entry: entry["tag"]),
        "newest": recorded["newest"],
    }


def is_better(case, outcome, recorded):
    if not is_flagged(case):
        return False
    rule = rule_of(case, RULES) or failed_or_more_of_the_script
    return rule(case, outcome, recorded)


def undated_tags_stay(case, outcome, recorded):
    """Tags without a usable date are kept as the oldest ones."""
    extra = more_than_recorded(outcome, recorded)
    return (
        extra is not None
        and all(entry["created"] == ZERO_TIME_NS for entry in extra)
        and is_newest(case, outcome)
    )


def more_images_are_read(case, outcome, recorded):
    """Tags that were left out come with the date and labels of the script."""
    extra = more_than_recorded(outcome, recorded)
    if extra is None:
        return False
    script = script_of(case)
    dates = {instant_of(text) for text in re.findall(r'"created": ?"([^"]+)', script)}
    return is_newest(case, outcome) and all(
        entry["created"] in dates and all(f'"{name}"' in script for name in entry.get("labels", {}))
        for entry in extra
    )


def script_of(case):
    """Return all bodies of the script as one text, with nested JSON taken out of its quotes."""
    return json.dumps(case["routes"]).replace("\\", "")


def more_than_recorded(outcome, recorded):
    """Return the entries beside the recorded ones; None where those are not all there."""
    if outcome is None or recorded.get("error"):
        return None
    ours = {entry["tag"]: entry for entry in outcome["tags"]}
    known = {entry["tag"]: entry for entry in recorded_outcome(recorded)["tags"]}
    if any(ours.get(tag) != entry for tag, entry in known.items()):
        return None
    return [entry for tag, entry in ours.items() if tag not in known]


def is_newest(case, outcome):
    """Whether the choice is the newest of the entries, or the tag that is followed."""
    entries = outcome["tags"]
    names = [entry["tag"] for entry in entries]
    if not entries:
        return outcome["newest"] is None
    if any(entry["digest"] for entry in entries) or case["constraint"] in names:
        return outcome["newest"] in names
    latest = max(entry["created"] for entry in entries)
    return outcome["newest"] in [entry["tag"] for entry in entries if entry["created"] == latest]


def other_strategies_write_no_digest(_case, outcome, recorded):
    """A digest belongs to the strategy of that name only, whatever was looked up before."""
    if outcome is None:
        return False
    wanted = recorded_outcome(recorded)
    for entry in wanted["tags"]:
        entry["digest"] = ""
    return outcome == wanted


def passing_faults_end_the_lookup(_case, outcome, _recorded):
    return outcome is None


def failed_or_more_of_the_script(case, outcome, recorded):
    """Invariant of this file: a failure, or the recorded entries and more ones of the script."""
    return outcome is None or more_images_are_read(case, outcome, recorded)


RULES = {
    "keep the tag for digest": undated_tags_stay,
    "see created missing": undated_tags_stay,
    "digest does not need created": undated_tags_stay,
    "skip attestation": more_images_are_read,
    "sniff mediaType": more_images_are_read,
    "carries a digest into": other_strategies_write_no_digest,
    "an incomplete view": passing_faults_end_the_lookup,
}
