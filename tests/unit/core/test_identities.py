"""Whose certificate counts: names and issuers, as texts and as expressions."""

import pytest

from argocd_image_updater.core.identities import KeylessIdentity

ISSUER = "https://issuer.test"


@pytest.mark.parametrize(
    ("identity", "names", "issuer", "fits"),
    [
        (KeylessIdentity("a@x.test", issuer=ISSUER), ["a@x.test"], ISSUER, True),
        (KeylessIdentity("a@x.test", issuer=ISSUER), ["b@x.test", "a@x.test"], ISSUER, True),
        (KeylessIdentity("a@x.test", issuer=ISSUER), ["A@x.test"], ISSUER, False),
        (KeylessIdentity("a@x.test", issuer=ISSUER), ["a@x.test"], ISSUER + "/", False),
        (KeylessIdentity("a@x.test", issuer=ISSUER), [], ISSUER, False),
        (KeylessIdentity("", "a|b", ISSUER), ["ab"], ISSUER, False),
        (KeylessIdentity("", "a|b", ISSUER), ["b"], ISSUER, True),
        (KeylessIdentity("", "https://x/.*", ISSUER), ["evil?https://x/y"], ISSUER, False),
        (KeylessIdentity("", "^https://x/.*$", ISSUER), ["https://x/y"], ISSUER, True),
        (KeylessIdentity("", "https://x/.*", ISSUER), ["https://x/y\nz"], ISSUER, False),
        (KeylessIdentity("a", "", "", "https://.*"), ["a"], ISSUER, True),
        (KeylessIdentity("a", "", "", "https"), ["a"], ISSUER, False),
        (KeylessIdentity("", "ü+", ISSUER), ["üü"], ISSUER, True),
    ],
)
def test_name_and_issuer_must_both_fit_as_a_whole(identity, names, issuer, fits):
    assert identity.fault() == ""
    assert identity.fits(names, issuer) is fits


FAULTS = {
    "no name": (KeylessIdentity(issuer=ISSUER), "either identity or identityRegExp"),
    "two names": (KeylessIdentity("a", "b", ISSUER), "either identity or identityRegExp"),
    "no issuer": (KeylessIdentity("a"), "either issuer or issuerRegExp"),
    "two issuers": (KeylessIdentity("a", "", ISSUER, ".*"), "either issuer or issuerRegExp"),
    "an open bracket": (KeylessIdentity("", "(", ISSUER), "identityRegExp '(' does not compile"),
    "looking ahead": (KeylessIdentity("a", "", "", "(?=x)"), "no look-around"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_what_can_be_nobody_says_so_and_fits_nobody(what):
    identity, words = FAULTS[what]
    assert words in identity.fault()
    assert not identity.fits(["a", "b", "("], ISSUER)


def test_expressions_are_told_from_texts():
    assert KeylessIdentity("a", issuer=ISSUER).text == f"a of {ISSUER}"
    assert KeylessIdentity("", "a.*", "", "b").text == "/a.*/ of /b/"
