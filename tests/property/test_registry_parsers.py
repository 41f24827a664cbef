"""Whatever a registry sends, its parsers answer or refuse in their own words."""

import contextlib
import json
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st

from argocd_image_updater.registry.challenges import parse_challenges
from argocd_image_updater.registry.limits import BURST_SLOTS, RequestBucket
from argocd_image_updater.registry.links import ForeignLinkError, next_page
from argocd_image_updater.registry.manifests import (
    ImageConfig,
    ManifestError,
    parse_config,
    parse_manifest,
)
from argocd_image_updater.registry.media_types import MANIFESTS
from argocd_image_updater.registry.retry import LONGEST_RETRY_AFTER_S, parse_retry_after
from argocd_image_updater.registry.timestamps import parse_created

FIRST, LAST = (datetime(1, 1, 2), datetime(9999, 12, 30))  # noqa: DTZ001 - a zone is added below
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LIST = "https://reg.test:8443/art/v2/team/app/tags/list"
DIGEST = "sha256:" + "0" * 64
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda parts: (
        st.lists(parts, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "mediaType",
                    "config",
                    "layers",
                    "manifests",
                    "platform",
                    "os",
                    "digest",
                    "size",
                    "created",
                    "Labels",
                    "annotations",
                    "architecture",
                    "artifactType",
                ]
            ),
            parts,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(
    st.datetimes(min_value=FIRST, max_value=LAST),
    st.integers(-1439, 1439),
)
def test_dates_agree_with_the_standard_library(moment, offset_minutes):
    zone = timezone(timedelta(minutes=offset_minutes))
    aware = moment.replace(tzinfo=zone)
    expected = (aware - EPOCH) // timedelta(microseconds=1) * 1_000
    text = aware.isoformat(timespec="microseconds")
    text = text if text[-6] in "+-" else text[:-9]
    assert parse_created(text) == expected


@given(st.text(max_size=40))
def test_any_text_is_a_date_or_none(text):
    assert parse_created(text) is None or text[4] == "-"


@given(st.lists(st.text(max_size=60), max_size=4))
def test_any_header_lines_are_challenges_or_none(lines):
    for challenge in parse_challenges(lines):
        assert challenge.scheme == challenge.scheme.lower() != ""
        assert all(key and value for key, value in challenge.parameters.items())


@given(
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True),
        st.text(min_size=1, max_size=20),
        max_size=4,
    )
)
def test_quoted_parameters_are_read_back(parameters):
    def quote(text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    line = "Bearer " + ", ".join(f"{key}={quote(value)}" for key, value in parameters.items())
    [challenge] = parse_challenges([line])
    assert challenge.parameters == parameters


@given(
    st.text(max_size=60)
    | st.sampled_from(["http", "//", "https:"]).flatmap(lambda p: st.text().map(p.__add__))
)
def test_a_next_page_never_leaves_the_registry(target):
    try:
        url = next_page([f"<{target}>"], page_url=f"{LIST}?n=1", list_url=LIST)
    except ForeignLinkError:
        return
    assert not url or urlsplit(url)[:2] == urlsplit(LIST)[:2]


@given(JSON, st.sampled_from(["", "application/json", *MANIFESTS]))
def test_any_json_is_a_manifest_or_refused(document, content_type):
    body = json.dumps(document).encode()
    with contextlib.suppress(ManifestError):
        assert parse_manifest(body, content_type, digest=DIGEST).digest == DIGEST
    with contextlib.suppress(ManifestError):
        parse_config(body)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_config_or_refused(body):
    with contextlib.suppress(ManifestError):
        assert isinstance(parse_config(body), ImageConfig)


@given(st.text(max_size=40))
def test_any_retry_after_is_a_bounded_wait_or_none(text):
    wait = parse_retry_after(text, unix_now=1e9)
    assert wait is None or 0 <= wait <= LONGEST_RETRY_AFTER_S


@given(st.integers(1, 50), st.lists(st.floats(0, 2), min_size=1, max_size=80))
def test_no_second_gets_more_than_its_limit_and_the_burst(limit, gaps):
    bucket, now, sent = RequestBucket(), 0.0, []
    for gap in gaps:
        now += gap
        sent.append(now + bucket.reserve(now, limit_per_s=limit))
    assert sent == sorted(sent)
    for start in sent:
        assert sum(start <= at < start + 1 for at in sent) <= limit + BURST_SLOTS + 1
