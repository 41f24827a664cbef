"""Where nothing is to be proposed, no forge is asked anything."""

import pytest

from stages.requests import DIALECTS

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")


@pytest.mark.parametrize("kind", sorted(DIALECTS))
def test_an_application_that_is_up_to_date_costs_one_question_and_no_call(make_stage, kind):
    stage = make_stage(kind)
    ((path, content),) = stage.values("web", tag="1.1.0").items()
    stage.commit(path, content)
    stage.run()
    stage.git.forget_requests()
    assert set(stage.run().reasons.values()) <= {"UpToDate", "AlreadySet"}
    assert stage.git.request_counts() == {"info-refs": 1, "ls-refs": 1}
    assert stage.forge.calls == []
    assert stage.requests.select() == []
