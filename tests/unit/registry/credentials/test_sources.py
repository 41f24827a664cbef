"""The chain of credentials as it is told: names and what became of each."""

from pathlib import Path

import pytest

from argocd_image_updater.registry.credentials.sources import Chain, list_sources

FILE = Path("/srv/docker/config.json")


def states(chain, *, used=True, failed=False):
    found = [source.state.value for source in list_sources(chain, used=used, failed=failed)]
    assert found[2:4] == ["elsewhere", "elsewhere"]  # they belong to Applications
    return [*found[:2], *found[4:]]


@pytest.mark.parametrize(
    ("chain", "used", "expected"),
    [
        (Chain(), False, ["nothing", "nothing", "off", "off", "used"]),
        (Chain(given="env:A"), True, ["used", "behind", "off", "off", "behind"]),
        (
            Chain(of_entry="env:A", cloud_on=True),
            True,
            ["nothing", "used", "behind", "off", "behind"],
        ),
        (
            Chain(cloud="aws:auto", cloud_on=True, docker_config=FILE),
            True,
            ["nothing", "nothing", "used", "behind", "behind"],
        ),
        (Chain(docker_config=FILE), True, ["nothing", "nothing", "off", "used", "behind"]),
        (Chain(docker_config=FILE), False, ["nothing", "nothing", "off", "nothing", "used"]),
    ],
)
def test_the_first_that_has_something_is_used_and_ends_the_chain(chain, used, expected):
    assert states(chain, used=used) == expected


def test_a_source_that_fails_is_told_and_nothing_behind_it_is_reached():
    chain = Chain(of_entry="env:A", docker_config=FILE)
    found = states(chain, used=False, failed=True)
    assert found == ["nothing", "failed", "off", "behind", "behind"]
    found = states(Chain(docker_config=FILE), used=False, failed=True)
    assert found == ["nothing", "nothing", "off", "failed", "behind"]
