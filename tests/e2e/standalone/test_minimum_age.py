"""The wait before a new image is taken: what runs of the command remember, and what ends it."""

import sqlite3

import pytest

from stages.standalone import application, git_write_back, images, reference, resource, source

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
STRATEGIES = ("semver", "newest-build", "alphabetical", "digest")
FOUR_DAYS_S = 4 * 86_400


def age(stage, tag="%"):
    """Let what was seen of a tag be seen four days earlier."""
    with sqlite3.connect(stage.state / "sightings.db") as database:
        database.execute(
            "UPDATE sightings SET first_s = first_s - ? WHERE tag LIKE ?", (FOUR_DAYS_S, tag)
        )
    database.close()


@pytest.fixture
def waiting(stage):
    """An Application for each strategy, all with a minimum age, and an image dated to 1970."""
    stage.push("1.0.0", created="2024-01-01T00:00:00Z")
    stage.push("main", created="1970-01-01T00:00:00Z")
    stage.repository(files=stage.values(*STRATEGIES, tag="1.0.0"))
    listed = []
    for name in STRATEGIES:
        stage.add(application(name, source(stage.url(), name)))
        settings = {"updateStrategy": name, "minimumAge": "3d"}
        image = f"{stage.image()}:main" if name == "digest" else stage.image()
        if name in {"newest-build", "alphabetical"}:
            settings["allowTags"] = r"regexp:^1\."
        listed.append(reference(name, images(web=(image, {"commonUpdateSettings": settings}))))
    stage.add(resource("updater", listed, **git_write_back()))
    return stage


def test_a_new_image_is_taken_when_it_is_old_enough_and_not_before(waiting):
    first = waiting.run()
    assert first.reasons == dict.fromkeys(STRATEGIES, "UpToDate") | {"digest": "TooYoung"}
    waiting.push("1.1.0", created="2024-02-01T00:00:00Z")
    for words in ((), ("plan",), ()):
        done = waiting.run(*words)
        assert done.code == 0, done.out
        assert set(done.reasons.values()) == {"TooYoung"}
        assert done.report["commits"] == []
        held = done.image("semver")
        assert held["outcome"] == "held"
        assert held["message"].startswith("1.1.0 is younger than minimumAge 72h")
    age(waiting)
    assert set(waiting.run().reasons.values()) == {"Updated"}
    assert "tag: 1.1.0" in waiting.file("semver/values.yaml")
    assert set(waiting.run().reasons.values()) == {"UpToDate"}


def test_a_tag_that_is_pushed_again_while_it_waits_begins_anew(waiting):
    waiting.push("1.1.0", created="2024-02-01T00:00:00Z")
    assert waiting.run().reason("semver") == "TooYoung"
    age(waiting)
    waiting.push("1.1.0", created="2024-02-02T00:00:00Z")
    waiting.push("main", created="2024-02-02T00:00:00Z")
    assert set(waiting.run().reasons.values()) == {"TooYoung"}


def test_lost_memory_makes_the_wait_longer(waiting):
    waiting.push("1.1.0", created="2024-02-01T00:00:00Z")
    waiting.run()
    age(waiting)
    (waiting.state / "sightings.db").write_bytes(b"not a database" * 1000)
    done = waiting.run()
    assert set(done.reasons.values()) == {"TooYoung"}
    assert done.code == 0
