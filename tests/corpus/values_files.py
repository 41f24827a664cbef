"""Values files in the styles that people use, made from pieces; the same ones every time."""

import random
from dataclasses import replace

from corpus.cases import TAG_MARK, TAGS, Case
from corpus.fillers import VALUES

COUNT = 110
_COMMENTS = (
    "", "", " # managed by the updater", "\t# after a tab", "   # renovate: x", " # tag: 1.0.0",
    ' # {"$imagepolicy": "flux-system:web:tag"}',
)  # fmt: skip
_HEADS = (
    "", "# Default values for the chart.\n# This is a YAML-formatted file.\n\n", "---\n",
    "\n\n", "# image:\n#   tag: 1.0.0\n---\n", "%YAML 1.1\n---\n",
)  # fmt: skip
_TAILS = ("", "", "\n\n", "# the end\n", "...\n", "# no line end after this")


def values_cases():
    """Return the cases, each with another mixture of forms and pieces."""
    source = random.Random("values")
    forms = [_classic, _nested, _deep, _wide, _list, _second, _spec, _flow, _flow_lines, _dotted,
             _anchored, _merged, _typed, _swapped, _next_line, _json, _documents, _long,
             _list_of_lists, _quoted_keys, _under_list_key, _dash_alone]  # fmt: skip
    return [_case(source, number, forms[number % len(forms)]) for number in range(COUNT)]


def _case(source, number, form):
    image = "num" if source.random() < 0.2 else "web"
    quote = source.choice(["", "", "'", '"'])
    name = f"values-{number:03}-{form.__name__.strip('_').replace('_', '-')}"
    case = form(Case(name, "", image, quote), source.choice(_COMMENTS))
    if form not in {_json, _documents}:
        case = replace(case, text=_among_others(source, case.text))
    if source.random() < 0.2:
        case = replace(case, line_end="\r\n")
    if source.random() < 0.1:
        case = replace(case, mark="\ufeff")
    if case.text.endswith("\n") and source.random() < 0.15:
        case = replace(case, text=case.text.rstrip("\n"))
    return case


def _among_others(source, text):
    """Put pieces around the image."""
    pieces = [
        piece.format(n=index)
        for index, piece in enumerate(source.sample(VALUES, source.randint(2, 9)))
    ]
    pieces.insert(source.randint(0, len(pieces)), text)
    return source.choice(_HEADS) + "".join(pieces) + source.choice(_TAILS)


def _helm(case, text, *, name="", tag="", spec="", **more):
    """Return the case with its text, and the settings that name the values at these paths."""
    fields = {key: path for key, path in (("name", name), ("tag", tag), ("spec", spec)) if path}
    shown = more.pop("shown", "") or (
        f'printf "%s" {_lookup(spec)}'
        if spec
        else f'printf "%s:%s" {_lookup(name)} ({_lookup(tag)} | toString)'
    )
    paths = more.pop("paths", ()) or (_parts(spec or tag),)
    return replace(
        case, text=text, targets={"helm": fields}, shown=shown.strip(), paths=paths, **more
    )


def _parts(path):
    found = []
    for word in path.split("."):
        key, *indexes = word.replace("]", "").split("[")
        found += [key, *map(int, indexes)]
    return tuple(found)


def _lookup(path):
    """Return the template expression for a path."""
    words = " ".join(f'"{part}"' if isinstance(part, str) else str(part) for part in _parts(path))
    return f"(index .Values {words})"


def _classic(case, comment):
    text = f"image:\n  repository: @IMAGE@\n  # overrides appVersion\n  tag: @TAG@{comment}\n"
    return _helm(case, text + "  pullPolicy: Always\n", name="image.repository", tag="image.tag")


def _nested(case, comment):
    text = f"frontend:\n  # -- the image\n  image:\n    name: @IMAGE@{comment}\n\n    tag: @TAG@\n"
    return _helm(case, text, name="frontend.image.name", tag="frontend.image.tag")


def _deep(case, comment):
    text = f"a:\n b:\n  c:\n   d:\n    image:\n     tag: @TAG@{comment}\n     name: @IMAGE@\n"
    return _helm(case, text, name="a.b.c.d.image.name", tag="a.b.c.d.image.tag")


def _wide(case, comment):
    deep = " " * 16
    text = f"main:\n        image:\n{deep}name:   @IMAGE@\n{deep}tag:    @TAG@{comment}\n"
    return _helm(case, text, name="main.image.name", tag="main.image.tag")


def _list(case, comment):
    text = (
        f"containers:\n- name: web\n  image:\n    name: '@IMAGE@'\n    tag: @TAG@{comment}\n"
        "- name: b\n"
    )
    return _helm(case, text, name="containers[0].image.name", tag="containers[0].image.tag")


def _second(case, comment):
    text = (
        "containers:\n    - image: {name: docker.io/library/busybox, tag: 1.0.0}\n"
        f"    # ours\n    - tag: @TAG@{comment}\n      name: @IMAGE@\n"
    )
    return _helm(case, text, name="containers[1].name", tag="containers[1].tag")


def _spec(case, comment):
    text = f"web:\n  image: {case.quote}@IMAGE@:{TAG_MARK}{case.quote}{comment}\n"
    # the tag stands inside of a text, where it needs no quotes of its own
    old, new = TAGS["web"]
    assert (old, new) == ("1.0.0", "1.1.0")
    return _helm(replace(case, image="web", quote=""), text, spec="web.image")


def _flow(case, comment):
    text = f"image: {{name: @IMAGE@, tag: @TAG@ , pullPolicy: Always}}{comment}\n"
    return _helm(case, text, name="image.name", tag="image.tag")


def _flow_lines(case, comment):
    text = f"image: {{\n  name: @IMAGE@,\n  tag: @TAG@,{comment}\n  digest: null\n}}\n"
    return _helm(case, text, name="image.name", tag="image.tag")


def _dotted(case, comment):
    text = f'image.name: @IMAGE@\n"image.tag": @TAG@{comment}\n'
    return _helm(
        case, text, name="image.name", tag="image.tag", paths=(("image.tag",),),
        shown='printf "%s:%s" (index .Values "image.name") (index .Values "image.tag" | toString)',
    )  # fmt: skip


def _anchored(case, comment):
    text = (
        f"image:\n  name: @IMAGE@\n  tag: &tag @TAG@{comment}\n"
        "job:\n  tag: *tag\nother: [*tag, x]\n"
    )
    paths = (("image", "tag"), ("job", "tag"), ("other", 0))
    return _helm(case, text, name="image.name", tag="image.tag", paths=paths)


def _merged(case, comment):
    text = (
        "base: &base\n  pullPolicy: Always\n  tag: base\n"
        f"image:\n  <<: *base\n  name: @IMAGE@\n  tag: @TAG@{comment}\n"
    )
    return _helm(case, text, name="image.name", tag="image.tag")


def _typed(case, comment):
    case = replace(case, quote=case.quote or '"')
    text = f"image:\n  name: !!str @IMAGE@\n  tag: !!str @TAG@{comment}\n"
    return _helm(case, text, name="image.name", tag="image.tag")


def _swapped(case, comment):
    text = f"tag: @TAG@{comment}\nimage:\n  tag: latest\n  name: @IMAGE@\n"
    return _helm(case, text, name="image.name", tag="tag")


def _next_line(case, comment):
    text = f"image:\n  name:\n    @IMAGE@\n  tag:{comment}\n    @TAG@\n"
    return _helm(case, text, name="image.name", tag="image.tag")


def _json(case, _comment):
    text = (
        '{\n  "replicas": 2,\n\t"image": { "name": "@IMAGE@",\n    "tag": @TAG@ },\n'
        '  "list": [1, {"tag": "1.0.0"}],\n  "empty": {}\n}\n'
    ).replace("\t", "  ")
    return _helm(replace(case, quote='"'), text, name="image.name", tag="image.tag")


def _documents(case, comment):
    text = (
        f"# first\nimage:\n  name: @IMAGE@\n  tag: @TAG@{comment}\nreplicas: 1\n"
        "---\n# second\nother:\n  tag: 1.0.0\n...\n"
    )
    return _helm(case, text, name="image.name", tag="image.tag")


def _long(case, comment):
    def lines(first):
        return "".join(
            f"key{number}:\n  tag: 1.0.0 # {number}\n  list: [a, b]\n"
            for number in range(first, first + 900)
        )

    text = f"{lines(0)}image:\n  name: @IMAGE@\n  tag: @TAG@{comment}\n{lines(1000)}"
    return _helm(case, text, name="image.name", tag="image.tag")


def _list_of_lists(case, comment):
    text = f"matrix:\n- - name: @IMAGE@\n    tag: @TAG@{comment}\n  - tag: 1.0.0\n- []\n"
    return _helm(case, text, name="matrix[0][0].name", tag="matrix[0][0].tag")


def _quoted_keys(case, comment):
    text = f'"image":\n  \'name\' : @IMAGE@\n  "tag" : @TAG@{comment}\n'
    return _helm(case, text, name="image.name", tag="image.tag")


def _under_list_key(case, comment):
    text = f"apps:\n\n  -\n    image:\n      name: @IMAGE@\n      tag: @TAG@{comment}\n  -   x: y\n"
    return _helm(case, text, name="apps[0].image.name", tag="apps[0].image.tag")


def _dash_alone(case, comment):
    text = f"? image\n:\n  name: @IMAGE@\n  ? tag\n  : @TAG@{comment}\n"
    return _helm(case, text, name="image.name", tag="image.tag")
