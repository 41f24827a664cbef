"""Every fault of a registry: no wrong version is written, the reason is right, and it passes.

One program meets them all, each at a host of its own; docs/registry-faults.md shows what was seen.
"""

import pytest

from faults.fault_table import PAGE, is_wanted, recovery, rendered
from faults.registry_cases import CASES, SAME_CYCLE
from faults.registry_matrix import Matrix, open_registries
from stages.standalone import Stage

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
NAME = "rm"


@pytest.fixture(scope="module")
def observed(tmp_path_factory, registry, git_server):
    """What became of each case, by its name."""
    folder = tmp_path_factory.mktemp("registry-matrix")
    stage = Stage(folder, NAME, registry, git_server)
    repositories = [f"{NAME}/{case.name}" for case in CASES if case.fault.upstream == "token"]
    with open_registries(folder, registry, repositories=repositories) as registries:
        matrix = Matrix(stage, registries)
        matrix.run()
    return matrix.observed


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_never_gets_a_wrong_version_written(observed, case):
    of_case = observed[case.name]
    seen = of_case.cycles[case.later]
    is_right = case.recovers == SAME_CYCLE
    assert seen.value == (of_case.right if is_right else case.written or seen.before), seen


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_has_its_reason(observed, case):
    seen = observed[case.name].cycles[case.later]
    assert seen.reason == case.reason, seen
    assert case.words in seen.message
    assert "\n" not in seen.message


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_when_a_fault_is_over_the_right_version_is_written(observed, case):
    of_case = observed[case.name]
    assert recovery(case, of_case) == case.recovers, of_case.cycles
    assert of_case.cycles[-1].value == of_case.right


def test_the_page_shows_what_was_seen(observed):
    page = PAGE.read_text()
    now = rendered(page, observed)
    if is_wanted():
        PAGE.write_text(now)
    else:
        assert page == now, f"{PAGE.name} is not what was seen: make fault-table"
