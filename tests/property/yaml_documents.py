"""Generated YAML files in the styles that people use, with the paths of what is in them."""

from dataclasses import dataclass, field

from hypothesis import strategies as st

KEYS = [
    "image",
    "tag",
    "repository",
    "web",
    "api",
    "sidecar",
    "env",
    "a",
    "true",
    "1",
    "été",
    "x-y",
]
PLAIN = [
    "v1",
    "1.2.3",
    "nginx",
    "ghcr.io/acme/web",
    "true",
    "5",
    "1.20",
    "null",
    "~",
    "a b",
    "v1@x",
]
COMMENTS = ["", "", "", " # note", "\t# tab\tinside", "   # ünï ✓", " # a: b - [c], d"]
LINES = ["", "", "", "# whole line", "  # indented: comment", "   ", "", "#\ttab"]
NASTY_VALUES = [
    "1.20",
    "012",
    "0o7",
    "1_000",
    "0x1f",
    "1e3",
    ".5",
    "5.",
    ".inf",
    ".NaN",
    "190:20:30",
    "+1",
    "yes",
    "No",
    "on",
    "OFF",
    "y",
    "n",
    "true",
    "null",
    "~",
    "2024-01-02",
    "2001-12-14T21:59:43Z",
    "",
    " lead",
    "trail ",
    "a: b",
    "a:",
    ":a",
    "a #b",
    "a#b",
    "#a",
    "- a",
    "-",
    "--- a",
    "?",
    "? x",
    "!x",
    "&x",
    "*x",
    "@x",
    "`x",
    "%x",
    "|",
    ">",
    "'q'",
    '"q"',
    "{x}",
    "[x]",
    "a, b",
    "x]",
    "<<",
    "=",
    "tab\tx",
    "two\nlines",
    "end\n",
    "\n",
    "\r",
    "\x85",
    "\u2028",
    "\x00",
    "\x1b[0m",
    "\ufeff",
    "😀",
    "v1@sha256:" + "4f" * 32,
    "latest",
    "v2.0.0",
    "main-1a2b3c",
    "1.2.3-rc.1+build",
    "...",
    "\\",
]


@dataclass
class Writer:
    """Collects lines; decorates them with comments and blank lines that carry no meaning."""

    draw: object
    step: int
    offset: int
    lines: list[str] = field(default_factory=list)
    leaves: list[str] = field(default_factory=list)
    mappings: list[str] = field(default_factory=list)
    nulls: list[str] = field(default_factory=list)
    anchors: int = 0

    def one_of(self, options):
        return self.draw(st.sampled_from(options))

    def line(self, text):
        self.lines.append(text)

    def decoration(self):
        for _ in range(self.draw(st.integers(0, 2))):
            self.line(self.one_of(LINES))


@st.composite
def documents(draw, *, anchors=False):
    """Return (text, leaves, mappings, nulls): a file and the dotted paths of its members."""
    writer = Writer(draw, draw(st.integers(1, 4)), draw(st.sampled_from([0, 2])))
    if writer.one_of([False, False, True]):
        writer.line("# licence")
        writer.line("")
    if writer.one_of([False, True]):
        writer.line(writer.one_of(["---", "--- # head", "---  "]))
    if anchors:
        writer.line("base: &base")
        writer.line("  repository: nginx")
        writer.line("  tag: &tag v1 # shared")
        writer.line("copy: *base")
        writer.line("merged:")
        writer.line("  <<: *base")
        writer.line("  replicas: 2")
        writer.line("ref: *tag")
        writer.leaves += ["base.tag", "copy.repository", "merged.replicas", "ref"]
    block_mapping(writer, indent=0, path="", depth=0, avoid={"base", "copy", "merged", "ref"})
    writer.decoration()
    tail = writer.one_of(
        ["", "", "", "...\n", "---\nother: {tag: v1}\n", "---\n# only a comment\n"]
    )
    text = "\n".join(writer.lines) + "\n"
    text = text + tail if tail else text[: len(text) - writer.one_of([0, 1])]
    return text, writer.leaves, writer.mappings, writer.nulls


def block_mapping(writer, *, indent, path, depth, first="", avoid=frozenset()):
    """Write a block mapping; `first` is what stands before the first key (a dash)."""
    keys = writer.draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=4, unique=True))
    writer.mappings.append(path)
    for number, key in enumerate(key for key in keys if key not in avoid):
        if number or not first:
            writer.decoration()
        lead = first if number == 0 and first else " " * indent
        below = f"{path}.{key}" if path else key
        value(writer, lead + quoted_key(writer, key) + ":", indent=indent, path=below, depth=depth)


def quoted_key(writer, key):
    return writer.one_of([key, key, key, f'"{key}"', f"'{key}'"])


def value(writer, head, *, indent, path, depth):
    kinds = ["scalar"] * 4 + ["block", "flow", "null", "folded"]
    if depth < 3:
        kinds += ["mapping", "mapping", "list", "long flow"]
    kind = writer.one_of(kinds)
    comment = writer.one_of(COMMENTS)
    if kind == "scalar":
        writer.leaves.append(path)
        gap = writer.one_of([" ", "  ", "\t"])
        writer.line(f"{head}{gap}{scalar(writer)}{comment}")
    elif kind == "null":
        writer.nulls.append(path)
        writer.line(f"{head}{writer.one_of(['', ' ~', ' null', ' {}'])}{comment}")
    elif kind in {"block", "folded"}:
        block_scalar(writer, head, indent=indent, path=path, folded=kind == "folded")
    elif kind == "flow":
        writer.leaves += [f"{path}.tag", f"{path}.name"]
        writer.mappings.append(path)
        pad = writer.one_of(["", " "])
        inner = f"name: {scalar(writer, flow=True)}, tag:  {scalar(writer, flow=True)}"
        writer.line(f"{head} {{{pad}{inner}{pad}}}{comment}")
    elif kind == "long flow":
        long_flow(writer, head, indent=indent, path=path)
    elif kind == "mapping":
        writer.line(f"{head}{comment}")
        block_mapping(writer, indent=indent + writer.step, path=path, depth=depth + 1)
    else:
        writer.line(f"{head}{comment}")
        block_list(writer, indent=indent + writer.offset, path=path, depth=depth + 1)


def block_scalar(writer, head, *, indent, path, folded):
    writer.leaves.append(path)
    header = (">" if folded else "|") + writer.one_of(["", "-", "+"])
    writer.line(f"{head} {header}{writer.one_of(['', ' # why'])}")
    pad = " " * (indent + writer.step)
    for line in writer.one_of([["v1"], ["set -e", "", "echo hi"], ["a", "  deeper", "b"]]):
        writer.line(pad + line if line else "")
    for _ in range(writer.draw(st.integers(0, 2))):
        writer.line("")


def long_flow(writer, head, *, indent, path):
    writer.leaves += [f"{path}.name", f"{path}.list[0]", f"{path}.list[1]"]
    writer.mappings.append(path)
    pad = " " * (indent + writer.step)
    writer.line(f"{head} {{")
    writer.line(f"{pad}name: {scalar(writer, flow=True)},{writer.one_of(COMMENTS)}")
    comma = writer.one_of(["", ","])
    inner = f"[{scalar(writer, flow=True)}, {scalar(writer, flow=True)}]"
    writer.line(f"{pad}list: {inner}{comma}{writer.one_of(COMMENTS)}")
    writer.line(" " * (indent + 1) + "}")


def block_list(writer, *, indent, path, depth):
    for number in range(writer.draw(st.integers(1, 3))):
        below, dash = f"{path}[{number}]", " " * indent + "-"
        writer.decoration()
        if writer.one_of([True, False]):
            writer.leaves.append(below)
            writer.line(f"{dash} {scalar(writer)}{writer.one_of(COMMENTS)}")
        else:
            block_mapping(writer, indent=indent + 2, path=below, depth=depth, first=dash + " ")


def scalar(writer, *, flow=False):
    text = writer.one_of([item for item in PLAIN if not flow or "," not in item])
    style = writer.one_of(["plain", "plain", "single", "double", "escaped"])
    if style == "plain":
        return text
    return {"single": f"'{text}'", "double": f'"{text}"', "escaped": f'"\\x76\\u0031{text}"'}[style]


values = st.one_of(
    st.sampled_from(NASTY_VALUES),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=12),
    st.from_regex(r"[a-z0-9._+:-]{1,16}", fullmatch=True),
)

encodings = st.builds(
    lambda crlf, bom: (crlf, bom), st.booleans(), st.sampled_from([False, False, True])
)


def encoded(text, how):
    """Return the text as bytes, with CRLF and a byte order mark as asked."""
    crlf, bom = how
    text = text.replace("\n", "\r\n") if crlf else text
    return (("\ufeff" if bom else "") + text).encode()
