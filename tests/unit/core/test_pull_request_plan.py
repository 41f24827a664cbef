"""An Application that asks for pull requests is never pushed to directly."""

from argocd_image_updater.core.reasons import Reason
from unit.core.resolving import application, resource, run
from vectors.planning import plan

REGISTRY = {"ghcr.io/acme/web": {"tags": ["1.0.0", "1.1.0"]}}
REQUEST = {"method": "git", "gitConfig": {"pullRequest": {"github": {}}}}


def decision(live):
    one = resource(writeBackConfig=REQUEST)
    (intent,) = run(one, application(live_images=(f"ghcr.io/acme/web:{live}",))).intents
    found, _asked = plan(intent, REGISTRY)
    assert found.writes == ()
    (result,) = found.decisions
    return result


def test_a_due_update_is_an_error_that_says_what_to_do():
    found = decision("1.0.0")
    assert found.reason is Reason.SETTINGS_INVALID
    assert "remove pullRequest" in found.message
    assert found.chosen.name == "1.1.0"


def test_an_image_that_is_up_to_date_stays_so():
    assert decision("1.1.0").reason is Reason.UP_TO_DATE
