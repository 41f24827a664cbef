"""Gather signatures of one image until they prove what is wanted.

Rules: 1. a signature counts if it says what it must (`statements.py`), a wanted signer made it
(`keys.py`, `keyless.py`), and every wanted annotation was signed along; 2. one such signature is
enough, or one by every signer; 3. what does not count is remembered only to explain, and can never
outweigh what does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from argocd_image_updater.verify.statements import StatementError, read_statement

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from argocd_image_updater.core.signatures import SignatureLayer
    from argocd_image_updater.verify.statements import Statement

MAX_FAULTS_SHOWN = 3


class Signers(Protocol):
    """Who may have signed. names: of each of them. plural: what they are, for people."""

    names: frozenset[str]
    plural: str

    def made(self, layer: SignatureLayer, statement: Statement) -> Collection[str]:
        """Return the names of those who signed what a layer says, at least one.

        Raises:
            StatementError: nobody of them did.
        """
        ...


class Proof:
    """What is proven of one image so far.

    every: all signers must have signed. annotations: what must be signed along.
    """

    def __init__(
        self,
        digest: str,
        signers: Signers,
        *,
        every: bool = False,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        self._digest = digest
        self._signers = signers
        self._missing = set(signers.names)
        self._wanted = len(self._missing) if every else 1
        self._annotations = dict(annotations or {})
        self._considered = 0
        self._faults: dict[str, None] = {}

    @property
    def is_complete(self) -> bool:
        """Whether the image is proven."""
        return self._wanted > 0 and self._done >= self._wanted

    def consider(self, layer: SignatureLayer) -> None:
        """Look at one more layer; what it says wrong costs nothing but itself."""
        self._considered += 1
        try:
            statement = read_statement(layer, self._digest)
            signers = self._signers.made(layer, statement)
        except StatementError as error:
            self.note(str(error))
            return
        lacking = [
            name for name, text in self._annotations.items()
            if statement.annotations.get(name) != text
        ]  # fmt: skip
        if lacking:
            self.note(f"signed without the wanted annotation {lacking[0]}")
        else:
            self._missing.difference_update(signers)

    def note(self, fault: str) -> None:
        """Remember why something does not count."""
        self._faults[fault] = None

    def explain(self) -> str:
        """Return why the image is not proven."""
        if not self._considered and not self._faults:
            return "no signature was found"
        count = self._considered
        found = "one signature was found" if count == 1 else f"{count} signatures were found"
        if self._done:
            everyone = f"{len(self._signers.names)} {self._signers.plural}"
            found += f", by {self._done} of the {everyone} that must all have signed"
        else:
            found += ", none that counts"
        shown = list(self._faults)[:MAX_FAULTS_SHOWN]
        return found + (f" ({'; '.join(shown)})" if shown else "")

    @property
    def _done(self) -> int:
        return len(self._signers.names) - len(self._missing)
