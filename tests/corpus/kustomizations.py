"""Kustomization files in the styles that people use, made from pieces; the same ones every time."""

import random
from dataclasses import replace

from corpus.cases import Case
from corpus.fillers import KUSTOMIZATION

COUNT = 90
_HEADS = (
    "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
    "---\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\n",
    "# who: the platform team\nkind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\n",
    "",
)
# The entries of other lists follow the way of this one.
_RESOURCES = ("resources:\n- app.yaml\n", "resources:\n  - app.yaml # ours\n\n")
_COMMENTS = ("", "", ' # {"$imagepolicy": "x:y:tag"}', "\t# after a tab", "   # newTag: 1.0.0")


def kustomization_cases():
    """Return the cases, each with another mixture of forms and pieces."""
    source = random.Random("kustomizations")
    forms = [_plain, _indented, _flow, _renamed, _between, _tag_first, _flow_list, _json, _missing,
             _missing_indented, _no_list, _wide]  # fmt: skip
    return [_case(source, number, forms[number % len(forms)]) for number in range(COUNT)]


def _case(source, number, form):
    image = "num" if source.random() < 0.2 else "web"
    quote = source.choice(["'", '"'] if image == "num" else ["", "'", '"'])
    name = f"kustom-{number:03}-{form.__name__.strip('_').replace('_', '-')}"
    case = form(Case(name, "", image, quote), source.choice(_COMMENTS))
    if form is not _json:
        case = _among_others(source, case, last=form is _no_list)
    if source.random() < 0.2:
        case = replace(case, line_end="\r\n")
    if not case.added and case.text.endswith("\n") and source.random() < 0.2:
        case = replace(case, text=case.text.rstrip("\n"))
    return case


def _among_others(source, case, *, last):
    """Put pieces around the list; where there is none, what it will look like is as certain."""
    resources = source.choice(_RESOURCES)
    pieces, seen = [], set()
    for index, piece in enumerate(source.sample(KUSTOMIZATION, source.randint(1, 4))):
        key = next((line.split(":")[0] for line in piece.split("\n") if line[:1] not in "# "), "")
        if key in seen or (last and "- " in piece):
            continue
        seen.add(key)
        pieces.append(piece.format(n=index, app=case.name))
    pieces.insert(source.randint(0, len(pieces)), resources)
    pieces.insert(len(pieces) if last else source.randint(0, len(pieces)), case.text)
    if last and resources == _RESOURCES[1]:
        first, *entry = case.added.splitlines(keepends=True)
        case = replace(case, added=first + "".join(f"  {line}" for line in entry))
    return replace(case, text=source.choice(_HEADS) + "".join(pieces))


def _entry(case, text, **more):
    return replace(case, text=text, **more)


def _plain(case, comment):
    return _entry(case, f"images:\n- name: @IMAGE@\n  newTag: @TAG@{comment}\n")


def _indented(case, comment):
    text = (
        f"images:\n  # ours\n  - name: @IMAGE@\n    newTag: @TAG@{comment}\n\n"
        "  - name: other\n    newTag: 1.0.0\n"
    )
    return _entry(case, text)


def _flow(case, comment):
    return _entry(
        case,
        f"images:\n- {{name: @IMAGE@, newTag: @TAG@}}{comment}\n- {{name: two, newTag: 1.0.0}}\n",
    )


def _renamed(case, comment):
    """The manifests call it something else."""
    text = f"images:\n- name: app\n  newName: @IMAGE@\n  newTag: @TAG@{comment}\n"
    return _entry(case, text, targets={"kustomize": {"name": "app"}}, base_image="app")


def _between(case, comment):
    text = (
        "images:\n- name: docker.io/library/busybox\n  newTag: 1.0.0\n\n# here it comes\n"
        f"- name: @IMAGE@\n  # the tag\n  newTag: @TAG@{comment}\n- name: z\n  newName: zz\n"
    )
    return _entry(case, text)


def _tag_first(case, comment):
    return _entry(case, f"images:\n- newTag: @TAG@{comment}\n  name: '@IMAGE@'\n")


def _flow_list(case, comment):
    return _entry(
        case,
        "images: [{name: other, newTag: 1.0.0},\n"
        f'  {{name: "@IMAGE@", newTag: @TAG@}}]{comment}\n',
    )


def _json(case, _comment):
    text = (
        '{"resources": ["app.yaml"],\n "images": [\n  {"name": "@IMAGE@", "newTag": @TAG@},\n'
        '  {"name": "other", "newTag": "1.0.0"}\n ],\n "commonAnnotations": {"tag": "1.0.0"}\n}\n'
    )
    return _entry(replace(case, quote='"'), text)


def _missing(case, _comment):
    """The list is there, the image is not in it."""
    last = "- name: other\n  newTag: 1.0.0\n"
    added = f"- name: @IMAGE@\n  newTag: {_new(case)}\n"
    return _entry(case, f"images:\n{last}", added=added, added_after=last)


def _missing_indented(case, _comment):
    last = "    - name: other # not ours\n      newTag: 1.0.0\n"
    added = f"    - name: @IMAGE@\n      newTag: {_new(case)}\n"
    return _entry(case, f"images:\n{last}", added=added, added_after=last)


def _no_list(case, _comment):
    """There is no list yet: it comes to the end of the file."""
    last = "namespace: shop\n"
    added = f"images:\n- name: @IMAGE@\n  newTag: {_new(case)}\n"
    return _entry(case, last, added=added, added_after=last)


def _wide(case, comment):
    return _entry(
        case,
        f"images:\n-   name:   @IMAGE@\n    newTag: @TAG@{comment}\n"
        "-   name: two\n    newName: three\n",
    )


def _new(case):
    return '"1.20"' if case.image == "num" else "1.1.0"
