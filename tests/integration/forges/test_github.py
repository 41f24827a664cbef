"""GitHub alone: where its API is, and what can be set beside the text."""

import pytest

from argocd_image_updater.git.connection import Connection
from argocd_image_updater.git.credentials import CredentialKind, GitCredential
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.forges.github import place
from argocd_image_updater.git.tls import Trust
from argocd_image_updater.git.urls import parse_url
from forges.server import Fault

pytestmark = pytest.mark.lab("git")


@pytest.mark.parametrize(
    ("url", "base", "address"),
    [
        ("https://github.com/acme/deploy.git", "", "https://api.github.com"),
        ("https://GitHub.com/acme/deploy", "", "https://api.github.com"),
        ("https://ghe.test:8443/acme/deploy", "", "https://ghe.test:8443/api/v3"),
        ("https://ghe.test/acme/deploy", "https://api.ghe.test/v3/", "https://api.ghe.test/v3/"),
        ("https://github.com.evil.test/a/b", "", "https://github.com.evil.test/api/v3"),
    ],
)
def test_the_address_of_the_api_follows_from_the_repository(url, base, address):
    credential = GitCredential(CredentialKind.BASIC, "x", "t", enterprise_base_url=base)
    found = place(Connection(parse_url(url), credential, Trust()))
    assert found.base_url == address
    assert found.headers["Authorization"] == "Bearer t"


async def test_labels_people_and_automatic_merge_are_set(make_desk):
    desk = make_desk("github")
    forge = await desk.open()
    desk.commit()
    proposal = desk.proposal(
        labels=("images", "auto"),
        reviewers=("jo", "acme/platform"),
        assignees=("mo",),
        draft=True,
        auto_merge=True,
    )
    made = await forge.create(proposal)
    assert made.warnings == ()
    item = desk.requests.get(1)
    assert (item.labels, item.reviewers, item.assignees) == (
        ["images", "auto"], ["jo", "platform"], ["mo"],
    )  # fmt: skip
    assert (item.draft, item.auto_merge) == (True, True)
    item.labels = ["auto", "theirs"]
    await forge.update(made.request, proposal)
    assert desk.requests.get(1).labels == ["auto", "theirs", "images"]


async def test_what_is_refused_beside_the_text_is_a_warning(make_desk):
    desk = make_desk("github")
    forge = await desk.open()
    desk.commit()
    desk.server.faults += [
        Fault("/labels", 403, b'{"message": "no labels"}'),
        Fault("/requested_reviewers", 422, b'{"message": "not a collaborator"}'),
        Fault("/graphql", 200, b'{"errors": [{"message": "Auto merge is not allowed"}]}'),
    ]
    made = await forge.create(desk.proposal(labels=("a",), reviewers=("jo",), auto_merge=True))
    assert made.request.number == 1
    assert [word in text for word, text in zip(
        ("no labels", "not a collaborator", "Auto merge is not allowed"),
        made.warnings, strict=True,
    )] == [True, True, True]  # fmt: skip


async def test_a_url_without_owner_is_no_repository(make_desk):
    desk = make_desk("github", url="http://127.0.0.1:{port}/deploy.git")
    with pytest.raises(GitError, match="OWNER/REPOSITORY"):
        await desk.open()
