"""Every duration survives being printed and read again; no text makes the parser misbehave."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from argocd_image_updater.core.durations import format_duration, parse_duration


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_printed_duration_reads_as_itself(duration_ns):
    assert parse_duration(format_duration(duration_ns)) == duration_ns


@given(st.text(alphabet="0123456789.-+hmsnuµ ", max_size=80))
def test_a_text_is_a_duration_or_a_value_error(text):
    with suppress(ValueError):
        assert parse_duration(text) in range(-(2**63), 2**63)
