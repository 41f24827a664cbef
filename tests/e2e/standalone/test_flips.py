"""Two Applications of one resource that want different values in one file: one turn, then peace."""

import pytest

from stages.standalone import application, git_write_back, images, reference, resource, source

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
FILE = "shared/values.yaml"


def wanted(stage, **constraints):
    """Let each Application follow its own constraint, all in one file."""
    stage.add(
        resource(
            "updater",
            [
                reference(name, images(web=f"{stage.image()}:{constraint}"))
                for name, constraint in constraints.items()
            ],
            **git_write_back(),
        )
    )


@pytest.fixture
def shared(stage):
    """One file that was written for both: first 1.2.0, then 2.0.0."""
    stage.push("1.0.0", "1.2.0", "2.0.0")
    stage.repository(files=stage.values("shared"))
    for name in ("one", "two"):
        stage.add(application(name, source(stage.url(), "shared")))
    wanted(stage, one="1.x", two="2.x")
    assert set(stage.run().reasons.values()) == {"Updated"}
    assert "tag: 2.0.0" in stage.file(FILE)
    return stage


def test_the_turn_of_the_first_is_held_and_told_by_plan_and_run(shared):
    for words in (("plan",), ("--dry-run",), (), ()):
        done = shared.run(*words)
        assert done.code == 0
        assert done.reasons == {"one": "Oscillating", "two": "UpToDate"}
        assert done.report["commits"] == []
        held = done.image("one")
        assert held["outcome"] == "held"
        for part in (":1.2.0 would come back", ":2.0.0 replaced", "Application argocd/two, image"):
            assert part in held["message"]
    assert done.report["summary"]["errors"] == 0
    assert len(shared.log()) == 3


def test_edited_settings_end_it(shared):
    assert shared.run().reason("one") == "Oscillating"
    wanted(shared, one="1.x")
    assert shared.run().reasons == {"one": "Updated"}
    assert "tag: 1.2.0" in shared.file(FILE)


def test_without_its_memory_a_run_goes_on(shared):
    (shared.state / "writes.db").write_bytes(b"not a database" * 1000)
    done = shared.run()
    assert (done.code, done.reason("one")) == (0, "Updated")
    again = shared.run()
    assert again.reasons == {"one": "UpToDate", "two": "Oscillating"}
