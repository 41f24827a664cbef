"""A small loader for the YAML 1.2 core schema, to read results the way the data files do."""

import re

import yaml

_PATTERNS = [
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", "~nN\0"),
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    # the data files render dates as RFC 3339 texts
    ("tag:yaml.org,2002:timestamp", r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "0123456789"),
    ("tag:yaml.org,2002:merge", r"<<", "<"),
]


class CoreLoader(yaml.CSafeLoader):
    """Safe loader whose plain scalars follow YAML 1.2."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - the class attribute of the library


for _tag, _pattern, _first in _PATTERNS:
    CoreLoader.add_implicit_resolver(_tag, re.compile(f"(?:{_pattern})$"), list(_first))
CoreLoader.yaml_implicit_resolvers.setdefault("", []).append(
    ("tag:yaml.org,2002:null", re.compile("$"))
)


def _int(loader, node):
    text = loader.construct_scalar(node)
    base = {"0o": 8, "0x": 16}.get(text[:2].lower(), 10)
    return int(text[2:], base) if base != 10 else int(text)


def _float(loader, node):
    text = loader.construct_scalar(node).lower().replace(".inf", "inf").replace(".nan", "nan")
    number = float(text)
    return int(number) if number == number and number.is_integer() else number  # noqa: PLR0124


def _mapping(loader, node):
    loader.flatten_mapping(node)
    return {
        loader.construct_scalar(key): loader.construct_object(value, deep=True)
        for key, value in node.value
    }


CoreLoader.add_constructor("tag:yaml.org,2002:int", _int)
CoreLoader.add_constructor("tag:yaml.org,2002:float", _float)
CoreLoader.add_constructor("tag:yaml.org,2002:map", _mapping)
CoreLoader.add_constructor(
    "tag:yaml.org,2002:timestamp", lambda loader, node: f"{loader.construct_scalar(node)}T00:00:00Z"
)
CoreLoader.add_multi_constructor("!", lambda loader, _suffix, node: loader.construct_scalar(node))


def load_documents(text):
    """Return the documents of a text that are not empty."""
    documents = yaml.load_all(text.removeprefix("\ufeff"), Loader=CoreLoader)
    return [document for document in documents if document is not None]
