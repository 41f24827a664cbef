"""Many resources over many Applications: one decision each, and numbers that agree everywhere."""

import re
from collections import Counter

import pytest

from stages.standalone import application, git_write_back, images, reference, resource, source

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")
RESOURCES, APPLICATIONS = 4, 5
LINE = re.compile(
    r"Processing results: applications=(\d+) images_considered=(\d+) images_skipped=(\d+) "
    r"images_updated=(\d+) errors=(\d+)"
)
NUMBERS = ("applications", "imagesConsidered", "imagesSkipped", "imagesUpdated", "errors")


def test_every_image_of_every_pair_is_decided_once_and_all_numbers_agree(stage):
    """Each resource follows an image of its own and, as all others, a common one."""
    names = [f"app{number}" for number in range(APPLICATIONS)]
    stage.push("1.0.0", "1.1.0", image="common")
    values = f"common:\n  name: {stage.image('common')}\n  tag: 1.0.0\n"
    for number in range(RESOURCES):
        stage.push("1.0.0", "1.1.0", image=f"own{number}")
        values += f"own{number}:\n  name: {stage.image(f'own{number}')}\n  tag: 1.0.0\n"
    stage.repository(files={f"{name}/values.yaml": values.encode() for name in names})
    for name in names:
        stage.add(application(name, source(stage.url(), name)))
    for number in range(RESOURCES):
        listed = images(
            **{
                alias: (
                    f"{stage.image(alias)}:1.x",
                    {"manifestTargets": {"helm": {"name": f"{alias}.name", "tag": f"{alias}.tag"}}},
                )
                for alias in ("common", f"own{number}")
            },
            absent=f"{stage.image('absent')}:1.x",
        )
        stage.add(
            resource(
                f"r{number}",
                [reference("*", listed)],
                created=f"2024-01-0{number + 1}T00:00:00Z",
                **git_write_back(),
            )
        )
    done = stage.run()
    decided = Counter(
        (one["resource"], one["application"], one["alias"]) for one in done.report["images"]
    )
    assert set(decided.values()) == {1}
    assert set(decided) == {
        (f"argocd/r{number}", f"argocd/{name}", alias)
        for number in range(RESOURCES)
        for name in names
        for alias in ("common", f"own{number}", "absent")
    }
    reasons = Counter((one["alias"][:3], one["reason"]) for one in done.report["images"])
    assert reasons == {
        ("com", "Updated"): APPLICATIONS,
        ("com", "Conflict"): APPLICATIONS * (RESOURCES - 1),
        ("own", "Updated"): APPLICATIONS * RESOURCES,
        ("abs", "NotLive"): APPLICATIONS,
        ("abs", "Conflict"): APPLICATIONS * (RESOURCES - 1),
    }
    logged = [tuple(map(int, found)) for found in LINE.findall(done.err)]
    reported = [tuple(one["summary"][name] for name in NUMBERS) for one in done.report["resources"]]
    assert logged == reported
    assert len(logged) == RESOURCES
    totals = tuple(map(sum, zip(*logged, strict=True)))
    assert totals == tuple(done.report["summary"][name] for name in NUMBERS)
    assert totals[0] == RESOURCES * APPLICATIONS
    assert all(
        stage.file(f"{name}/values.yaml").count("tag: 1.1.0") == RESOURCES + 1 for name in names
    )
