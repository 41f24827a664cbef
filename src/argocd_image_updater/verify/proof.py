"""Gather signatures of one image until they prove what is wanted.

Rules: 1. a signature counts if it says what it must (`statements.py`), a wanted key made it, and
every wanted annotation was signed along; 2. one such signature is enough, or one by every key;
3. what does not count is remembered only to explain, and can never outweigh what does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from argocd_image_updater.verify.statements import StatementError, read_statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from argocd_image_updater.core.signatures import SignatureLayer
    from argocd_image_updater.verify.keys import PublicKey
    from argocd_image_updater.verify.statements import Statement

MAX_FAULTS_SHOWN = 3


class Proof:
    """What is proven of one image so far.

    every_key: all keys must have signed. annotations: what must be signed along.
    """

    def __init__(
        self,
        digest: str,
        keys: Iterable[PublicKey],
        *,
        every_key: bool = False,
        annotations: Mapping[str, str] | None = None,
    ) -> None:
        self._digest = digest
        self._missing = {key.fingerprint: key for key in keys}
        self._wanted = len(self._missing) if every_key else 1
        self._keys = len(self._missing)
        self._annotations = dict(annotations or {})
        self._considered = 0
        self._faults: dict[str, None] = {}

    @property
    def is_complete(self) -> bool:
        """Whether the image is proven."""
        return self._wanted > 0 and self._keys - len(self._missing) >= self._wanted

    def consider(self, layer: SignatureLayer) -> None:
        """Look at one more layer; what it says wrong costs nothing but itself."""
        self._considered += 1
        try:
            statement = read_statement(layer, self._digest)
        except StatementError as error:
            self.note(str(error))
            return
        signers = self._signers(statement)
        lacking = [
            name for name, text in self._annotations.items()
            if statement.annotations.get(name) != text
        ]  # fmt: skip
        if not signers:
            self.note("made by another key, or changed afterwards")
        elif lacking:
            self.note(f"signed without the wanted annotation {lacking[0]}")
        else:
            for fingerprint in signers:
                del self._missing[fingerprint]

    def note(self, fault: str) -> None:
        """Remember why something does not count."""
        self._faults[fault] = None

    def explain(self) -> str:
        """Return why the image is not proven."""
        if not self._considered and not self._faults:
            return "no signature was found"
        count = self._considered
        found = "one signature was found" if count == 1 else f"{count} signatures were found"
        done = self._keys - len(self._missing)
        if done:
            found += f", by {done} of the {self._keys} keys that must all have signed"
        else:
            found += ", none that counts"
        shown = list(self._faults)[:MAX_FAULTS_SHOWN]
        return found + (f" ({'; '.join(shown)})" if shown else "")

    def _signers(self, statement: Statement) -> list[str]:
        """Return the fingerprints of the keys that are still missing and have signed this."""
        return [
            fingerprint
            for fingerprint, key in self._missing.items()
            if any(key.has_signed(statement.signed, item) for item in statement.signatures)
        ]
