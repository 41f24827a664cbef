"""What is told where the credentials of a repository cannot be read."""

import pytest

from argocd_image_updater.core.facts import BranchKey, FailureKind
from argocd_image_updater.errors import DeniedError, RemoteError
from argocd_image_updater.git.engine import GitEngine
from argocd_image_updater.git.settings import GitSettings

KEY = BranchKey("https://git.test/r.git", "main", "repocreds", "default")


class Secrets:
    """Answers every question with a fault."""

    def __init__(self, fault):
        self._fault = fault

    async def list_labelled(self, *_words, **_options):
        raise self._fault


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (RemoteError("no answer"), FailureKind.TRANSIENT),
        (RemoteError("nonsense", temporary=False), FailureKind.CREDENTIALS),
        (DeniedError("no right"), FailureKind.CREDENTIALS),
    ],
)
async def test_who_cannot_be_asked_now_is_no_refusal(tmp_path, fault, kind):
    engine = GitEngine(
        GitSettings(tmp_path),
        secrets=Secrets(fault),
        random=lambda: 0.5,
        controller_namespace="argocd",
    )
    failure = await engine.tip(KEY)
    engine.close()
    assert failure.kind is kind
    assert failure.message == f"https://git.test/r.git: its credentials cannot be read: {fault}"
