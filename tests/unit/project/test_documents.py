"""What the documents promise is there: commands, files, reasons, pages, links."""

import dataclasses
import re
from pathlib import Path

import pytest
import yaml

from argocd_image_updater.cli.flags import FLAGS
from argocd_image_updater.cli.help_texts import HELP_OF
from argocd_image_updater.core.reasons import OUTCOME_OF, Reason
from argocd_image_updater.core.resource_schema import SPEC
from argocd_image_updater.core.schema import Block, ListOf
from argocd_image_updater.core.settings import Downgrade, Strategy
from argocd_image_updater.manifests.store import read_snapshot
from argocd_image_updater.registry.registries_conf import RegistryEntry, parse_registries_conf
from argocd_image_updater.registry.registries_extra import KEYS as EXTRA_KEYS
from argocd_image_updater.registry.registries_extra import parse_registries_extra

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
TOP_PAGES = ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "CHANGELOG.md")
YAML_EXAMPLE = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
REASON_SECTIONS = dict(
    re.findall(
        r"^### (\w+)\n\n(.*?)(?=^##|\Z)",
        (DOCS / "reasons.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
)


def makefile_targets():
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def nav_pages(nav):
    for entry in nav:
        (value,) = entry.values()
        if isinstance(value, str):
            yield value
        else:
            yield from nav_pages(value)


def anchors(text):
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


def field_names(shape):
    if isinstance(shape, Block):
        yield from shape.fields
        for inner in shape.fields.values():
            yield from field_names(inner)
    elif isinstance(shape, ListOf):
        yield from field_names(shape.item)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/getting-started.md"])
def test_every_make_command_in_the_text_exists(page):
    commands = set(re.findall(r"(?:^\$ |`)make ([a-z-]+)", (ROOT / page).read_text(), re.MULTILINE))
    assert commands
    assert commands <= makefile_targets()


def test_the_two_commands_of_the_readme_begin_with_setup():
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^demo: setup\b", makefile, re.MULTILINE)
    assert re.search(r"^test: lab\b", makefile, re.MULTILINE)
    assert re.search(r"^lab: setup\b", makefile, re.MULTILINE)


def test_every_command_of_the_program_in_the_text_is_one_it_has():
    known = set(HELP_OF)
    for page in (ROOT / "README.md", *DOCS.rglob("*.md")):
        used = re.findall(
            r"^\$ (?:\S*/)?argocd-image-updater ([a-z]+)", page.read_text(), re.MULTILINE
        )
        assert set(used) <= known, page


def test_the_architecture_names_files_and_all_of_them_exist():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    names = re.findall(r"`([\w./-]+\.(?:py|md|toml|sh|json|yml|yaml))`", text)
    assert len(names) > 20
    package = ROOT / "src" / "argocd_image_updater"
    assert [n for n in names if not (ROOT / n).is_file() and not (package / n).is_file()] == []


def test_the_architecture_has_a_line_for_every_room():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    package = ROOT / "src" / "argocd_image_updater"
    rooms = [path.parent.relative_to(package).as_posix() for path in package.glob("*/__init__.py")]
    assert [room for room in rooms if f"`{room}/`" not in text] == []


def test_the_changelog_has_a_section_of_what_is_not_released():
    text = (ROOT / "CHANGELOG.md").read_text()
    section = text.split("## [Unreleased]", 1)[1].split("\n## ", 1)[0]
    assert "- " in section


def test_every_page_is_in_the_navigation_and_every_entry_is_a_page():
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    assert sorted(nav_pages(config["nav"])) == PAGES


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_explained_with_its_outcome(reason):
    assert f"*Outcome: {OUTCOME_OF[reason].value}.*" in REASON_SECTIONS[reason.value]
    assert len(REASON_SECTIONS[reason.value].split()) > 8


def test_only_reasons_that_exist_are_explained():
    assert set(REASON_SECTIONS) == {reason.value for reason in Reason}


@pytest.mark.parametrize("page", [*TOP_PAGES, *(f"docs/{page}" for page in PAGES)])
def test_every_link_leads_somewhere(page):
    path = ROOT / page
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if target.startswith(("http:", "https:")):
            continue
        file, _, anchor = target.partition("#")
        other = (path.parent / file).resolve() if file else path
        if not other.is_file() or (anchor and anchor not in anchors(other.read_text())):
            broken.append(target)
    assert broken == []


def test_every_page_that_the_code_cites_exists():
    cited = set()
    for folder in ("src", "tests", "tools", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            cited.update(re.findall(r"(?<![\w/])docs/[\w/-]+\.md\b", path.read_text()))
    assert [page for page in sorted(cited) if not (ROOT / page).is_file()] == []


def test_every_setting_of_ours_names_a_flag_and_variable_that_exist():
    rows = (DOCS / "settings.md").read_text()
    flags = {flag.option: flag for flag in FLAGS}
    for option in re.findall(r"`(--[\w-]+)`", rows):
        assert option in flags
        row = next(line for line in rows.splitlines() if f"`{option}`" in line)
        assert not flags[option].env or f"`{flags[option].env}`" in row


def test_every_field_of_the_resource_is_explained():
    pages = ("resource.md", "write-back.md", "pull-requests.md")
    text = "".join((DOCS / page).read_text() for page in pages)
    missing = [name for name in field_names(SPEC) if not re.search(rf"\b{name}\b", text)]
    assert missing == []


def test_every_key_of_the_registries_file_is_explained():
    text = (DOCS / "registries.md").read_text()
    keys = {field.name for field in dataclasses.fields(RegistryEntry)} - {"line", "unit_missing"}
    keys = {key.removesuffix("_s") for key in keys}
    assert [key for key in sorted(keys) if f"| `{key}` |" not in text] == []


def test_every_key_of_the_further_settings_of_registries_is_explained():
    text = (DOCS / "registries.md").read_text()
    assert [key for key in EXTRA_KEYS if f"`{key}`" not in text] == []


@pytest.mark.parametrize(
    ("page", "words"), [("strategies.md", Strategy), ("downgrades.md", Downgrade)]
)
def test_every_word_of_a_setting_is_explained(page, words):
    text = (DOCS / page).read_text()
    assert [word.value for word in words if f"`{word.value}`" not in text] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_example_of_a_resource_or_registries_file_can_be_read(page, tmp_path):
    for number, text in enumerate(YAML_EXAMPLE.findall((DOCS / page).read_text())):
        if "kind: ImageUpdater" in text:
            folder = tmp_path / str(number)
            folder.mkdir()
            (folder / "example.yaml").write_text(text)
            snapshot = read_snapshot([folder])
            assert len(snapshot.resources) == 1
            assert not snapshot.problems + snapshot.warnings
        elif text.startswith("defaults:"):
            assert parse_registries_extra(text).entries
        elif text.startswith(("registries:", "# manifests/registries.conf")):
            assert parse_registries_conf(text)
