"""Edits of generated lists: kustomizations, override files and Application manifests."""

import copy

import yaml
from hypothesis import given
from hypothesis import strategies as st

from argocd_image_updater.core.application import HelmParameter, SourceRef
from argocd_image_updater.core.edits.application_manifest import edit_application_manifest
from argocd_image_updater.core.edits.kustomization import (
    KustomizeEntry,
    edit_kustomization,
    read_kustomization_images,
)
from argocd_image_updater.core.edits.override import edit_override, read_override
from argocd_image_updater.core.settings import ApplicationType
from property.yaml_documents import COMMENTS, LINES, encoded, encodings
from vectors.core_schema import CoreLoader

NAMES = ["nginx", "acme/web", "ghcr.io/acme/api", "redis", "1.5", "x"]
TAGS = ["v1", "v2", "1.20", "latest", "yes", "2024-01-02", "1e3"]
QUOTES = ["'{}'", '"{}"']

entries = st.builds(
    KustomizeEntry,
    st.sampled_from(NAMES),
    st.sampled_from(["", "", "ghcr.io/new/name"]),
    st.sampled_from(["", *TAGS]),
    st.sampled_from(["", "", "sha256:" + "ab" * 32]),
)
parameters = st.builds(
    HelmParameter,
    st.sampled_from(["image.name", "image.tag", "a", "z", "é"]),
    st.sampled_from([*TAGS, "ghcr.io/acme/web", "a: b", "", "two\nlines"]),
    st.just(True),  # noqa: FBT003 - a strategy takes its value so
)


@st.composite
def lists(draw, head, indent, item_of):
    """Return the lines of a block list below `head` whose items come from `item_of`."""
    lines = [head + draw(st.sampled_from(COMMENTS))]
    pad = " " * (indent + draw(st.sampled_from([0, 2, 4])))
    for _ in range(draw(st.integers(1, 4))):
        lines += draw(st.lists(st.sampled_from(LINES), max_size=2))
        item = draw(item_of)
        rows = [f"{key}: {quoted(draw, value)}" for key, value in item.items()]
        if draw(st.booleans()):
            lines.append(f"{pad}- {{{', '.join(rows)}}}{draw(st.sampled_from(COMMENTS))}")
            continue
        leads = [f"{pad}- "] + [f"{pad}  "] * (len(rows) - 1)
        lines += [
            lead + row + draw(st.sampled_from(COMMENTS))
            for lead, row in zip(leads, rows, strict=True)
        ]
    return lines


def quoted(draw, value):
    if value in {"true", "false"}:
        return value
    return draw(st.sampled_from(QUOTES)).format(value)


def keys(**options):
    required = {"name": options.pop("name")}
    return st.fixed_dictionaries(required, optional=options).flatmap(
        lambda item: st.permutations(list(item.items())).map(dict)
    )


image_items = keys(
    name=st.sampled_from(NAMES),
    newName=st.sampled_from(NAMES),
    newTag=st.sampled_from(TAGS),
    digest=st.just("sha256:" + "cd" * 32),
    tagSuffix=st.just("-slim"),
)
parameter_items = keys(
    name=st.sampled_from(["image.name", "image.tag", "b", "web.tag"]),
    value=st.sampled_from(TAGS),
    forceString=st.sampled_from(["true", "false"]),
)


def tree(content):
    return yaml.load(content.decode("utf-8-sig"), Loader=CoreLoader)


def comments(content):
    return sorted(line[line.index("#") :] for line in content.decode().split("\n") if "#" in line)


@given(lists("images:", 0, image_items), encodings, st.lists(entries, max_size=3), st.booleans())
def test_a_kustomization_changes_in_the_given_entries_only(lines, how, wanted, first):
    rest = ["resources: [a.yaml]", "patches:", "- patch: |-", "    - op: add", "", "      x: y"]
    content = encoded("\n".join(lines + rest if first else rest + lines) + "\n", how)
    edit = edit_kustomization(content, wanted, file="kustomization.yaml")
    before = tree(content)
    after = {**before, "images": with_entries(before["images"], wanted)}
    assert tree(edit.content) == after
    assert edit.changed == (edit.content != content)
    assert comments(edit.content) == comments(content) or lost_a_digest(before, after)
    assert not edit_kustomization(edit.content, wanted, file="kustomization.yaml").changed
    assert len(read_kustomization_images(edit.content)) == len(after["images"])


def with_entries(images, wanted):
    images = copy.deepcopy(images)
    known, names = list(images), {entry.name for entry in wanted}
    for entry in {entry.name: entry for entry in wanted}.values():
        values = {"newName": entry.new_name, "newTag": entry.new_tag, "digest": entry.digest}
        values = {key: value for key, value in values.items() if value}
        matches = [item for item in known if item["name"] == entry.name]
        if not matches and not entry.new_name:
            renamed = [item for item in known if item["name"] not in names]
            matches = [item for item in renamed if item.get("newName") == entry.name]
        for item in matches:
            item.update(values)
            if entry.new_tag and not entry.digest:
                item.pop("digest", None)
        if not matches:
            images.append({"name": entry.name, **values})
    return images


def lost_a_digest(before, after):
    pairs = zip(before["images"], after["images"], strict=False)
    return any("digest" in old and "digest" not in new for old, new in pairs)


@given(lists("  parameters:", 2, parameter_items), encodings, st.lists(parameters, max_size=3))
def test_an_override_file_changes_in_the_given_parameters_only(lines, how, wanted):
    text = "\n".join(["# head", "helm:", *lines, "  valueFiles: [a.yaml]", "other: 1", ""])
    content = encoded(text, how)
    edit = edit_override(content, kind=ApplicationType.HELM, helm=wanted, file="o.yaml")
    old, new = read_override(content).helm, read_override(edit.content).helm
    names = [parameter.name for parameter in old]
    last = {parameter.name: parameter for parameter in wanted}
    kept = [parameter for parameter in new if parameter.name not in set(last) - set(names)]
    first = {name: index for index, name in reversed(list(enumerate(names)))}
    assert kept == [
        last[item.name] if item.name in last and first[item.name] == index else item
        for index, item in enumerate(old)
    ]
    assert {item.name: item for item in new if item not in kept}.keys() == set(last) - set(names)
    if names == sorted(names):
        assert [item.name for item in new] == sorted(item.name for item in new)
    assert without_list(tree(edit.content)) == without_list(tree(content))
    assert comments(edit.content) == comments(content)
    again = edit_override(edit.content, kind=ApplicationType.HELM, helm=wanted, file="o.yaml")
    assert (again.content, again.changed) == (edit.content, False)


def without_list(document):
    return {**document, "helm": {**document["helm"], "parameters": None}}


@given(
    lists("        parameters:", 8, parameter_items),
    encodings,
    st.lists(st.sampled_from(TAGS), max_size=4),
    st.lists(parameters, max_size=2),
)
def test_an_application_manifest_changes_in_the_given_parameters_only(lines, how, tags, new):
    head = "kind: ConfigMap\n---\nkind: Application\nspec:\n  sources:\n    - chart: x\n    -\n"
    text = "\n".join(["      path: .", "      helm:", *lines, "  project: default", ""])
    content = encoded(head + text, how)
    first, before = documents(content)
    old = before["spec"]["sources"][1]["helm"]["parameters"]
    wanted = [HelmParameter(item["name"], item.get("value", "")) for item in old]
    for position, tag in enumerate(tags[: len(old)]):
        wanted[position] = HelmParameter(wanted[position].name, tag, force_string=True)
    options = {"document": 1, "source": SourceRef(1), "kind": ApplicationType.HELM}
    edit = edit_application_manifest(content, helm=[*wanted, *new], file="a.yaml", **options)
    expected = [set_parameter(*pair) for pair in zip(old, wanted, strict=True)]
    expected += [{"name": item.name, "value": item.value, "forceString": True} for item in new]
    before["spec"]["sources"][1]["helm"]["parameters"] = expected
    assert documents(edit.content) == [first, before]
    assert comments(edit.content) == comments(content)
    again = edit_application_manifest(edit.content, helm=[*wanted, *new], file="a.yaml", **options)
    assert (again.content, again.changed) == (edit.content, False)


def documents(content):
    return list(yaml.load_all(content.decode("utf-8-sig"), Loader=CoreLoader))


def set_parameter(item, wanted):
    if item.get("value", "") == wanted.value:
        return item
    flag = {"forceString": True} if wanted.force_string else {}
    return {**item, "value": wanted.value, **flag}
