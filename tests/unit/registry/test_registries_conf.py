"""Errors of a registries.conf name the place and what is wrong; hostile files stay bounded."""

import pytest

from argocd_image_updater.registry import registries_conf, strict_yaml
from argocd_image_updater.registry.registries_conf import (
    RegistriesConfError,
    parse_registries_conf,
)

ENTRY = "registries:\n- name: Acme\n  api_url: https://reg.acme.test\n  prefix: reg.acme.test\n"


def refused(text: str) -> RegistriesConfError:
    with pytest.raises(RegistriesConfError) as caught:
        parse_registries_conf(text, file="/app/config/registries.conf")
    return caught.value


def test_an_unknown_key_is_named_with_file_line_entry_and_the_nearest_known_key():
    error = refused(ENTRY + "  insecur: true\n")
    assert str(error).startswith("/app/config/registries.conf:5: entry 1 (Acme): unknown key")
    assert error.hint == "did you mean 'insecure'?"


def test_a_key_like_no_other_lists_the_known_ones():
    assert "api_url" in refused(ENTRY + "  zzzzzz: 1\n").hint


def test_a_wrong_value_names_its_key_and_its_line():
    error = refused(ENTRY + "  limit: many\n")
    assert "registries.conf:5: entry 1 (Acme): key 'limit' must be a whole number" in str(error)


def test_text_that_is_no_yaml_names_the_line():
    assert "registries.conf:2: is not YAML" in str(refused("registries:\n\t- name: x\n"))


def test_a_list_where_text_is_wanted_is_refused():
    assert "key 'prefix'" in str(refused("registries:\n- {name: A, api_url: u, prefix: [x]}\n"))


def test_an_entry_that_is_nothing_says_what_it_needs():
    assert "'name' and 'api_url' are required" in str(refused("registries:\n-\n"))


def test_a_second_entry_without_prefix_names_the_first():
    error = refused("registries:\n- {name: A, api_url: u}\n- {name: B, api_url: u}\n")
    assert "line 2" in str(error)


def test_only_the_first_document_counts():
    assert [entry.name for entry in parse_registries_conf(ENTRY + "---\nrubbish: [\n")] == ["Acme"]


def test_a_byte_order_mark_and_windows_line_ends_are_accepted():
    text = "\ufeff" + ENTRY.replace("\n", "\r\n")
    assert parse_registries_conf(text)[0].prefix == "reg.acme.test"


def test_anchors_and_merge_keys_work_and_own_keys_win():
    text = (
        "registries:\n"
        "- &base {name: A, api_url: https://a.test, prefix: a.test, limit: 5, insecure: yes}\n"
        "- <<: *base\n  name: B\n  prefix: b.test\n"
    )
    second = parse_registries_conf(text)[1]
    assert (second.name, second.prefix, second.limit, second.insecure) == ("B", "b.test", 5, True)


def test_merges_that_multiply_are_refused():
    lines = ["registries:", "- &m0 {name: A, api_url: u}"]
    lines += [
        f"- &m{n} {{<<: [{', '.join([f'*m{n - 1}'] * 20)}], prefix: p{n}}}" for n in range(1, 5)
    ]
    assert "merges more than" in str(refused("\n".join(lines)))


def test_deep_nesting_and_huge_files_are_refused(monkeypatch):
    assert "nested too deeply" in str(refused("[" * 20_000))
    monkeypatch.setattr(strict_yaml, "FILE_SIZE_LIMIT", 10)
    assert "larger than" in str(refused(ENTRY))


def test_too_many_entries_are_refused(monkeypatch):
    monkeypatch.setattr(registries_conf, "ENTRIES_LIMIT", 1)
    assert "more than 1 entries" in str(refused(ENTRY + "- {name: B, api_url: u, prefix: b}\n"))
