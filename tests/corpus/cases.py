"""A file of the corpus: what stands in it before an update and, to the byte, after it.

Files are written with marks in the places that an update changes, so that nobody has to compute
what is right: the one text gives the file before and after.
"""

from dataclasses import dataclass, field

# Tags before and after; the second image has tags that YAML would read as numbers.
TAGS = {"web": ("1.0.0", "1.1.0"), "num": ("1.19", "1.20")}
IMAGE_MARK, TAG_MARK = "@IMAGE@", "@TAG@"


@dataclass(frozen=True)
class Case:
    """One file and how an Application refers to it.

    text: with marks. image: a key of TAGS. quote: quotes of the tag in the file. targets: the
    settings of the image. shown: for Helm, the expression that gives the image. paths: where the
    parsed file differs afterwards. added: lines that are new at the end of a list.
    """

    name: str
    text: str
    image: str = "web"
    quote: str = ""
    targets: dict = field(default_factory=dict)
    shown: str = ""
    paths: tuple = ()
    added: str = ""
    added_after: str = ""
    line_end: str = "\n"
    mark: str = ""  # byte order mark
    base_image: str = IMAGE_MARK

    def before(self, host):
        old, _ = TAGS[self.image]
        return self._bytes(self.text, f"{self.quote}{old}{self.quote}", host=host)

    def after(self, host):
        _, new = TAGS[self.image]
        quote = self.quote or ('"' if self.image == "num" else "")
        text = self.text
        if self.added:
            text = text.replace(self.added_after, self.added_after + self.added, 1)
            assert text != self.text
        return self._bytes(text, f"{quote}{new}{quote}", host=host)

    def changed_lines(self):
        """Return how many lines an update adds and removes."""
        changed = sum(TAG_MARK in line for line in self.text.split("\n"))
        return changed + self.added.count("\n"), changed

    def image_name(self, host):
        return f"{host}/{self.image}"

    def _bytes(self, text, tag, *, host):
        text = text.replace(TAG_MARK, tag).replace(IMAGE_MARK, self.image_name(host))
        return (self.mark + text.replace("\n", self.line_end)).encode()
