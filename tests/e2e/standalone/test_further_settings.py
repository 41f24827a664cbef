"""registries.extra.conf in the folder of the manifests: what it says is done, or nothing is."""

import pytest

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")


@pytest.fixture
def shop(stage):
    for number in range(5):
        stage.push(f"1.{number}.0", created=f"2024-01-0{number + 1}T00:00:00Z")
    stage.repository(files=stage.values("one"))
    newest = {"updateStrategy": "newest-build"}
    stage.helm("one", image=stage.image(), commonUpdateSettings=newest)
    return stage


def test_many_images_are_read_over_several_runs_before_anything_is_written(shop):
    entry = f"registries: [{{prefix: '{shop.registry.host}', metadataReads: 2}}]\n"
    shop.write("registries.extra.conf", entry)
    for read in (2, 4):
        run = shop.run()
        assert (run.code, run.reasons) == (2, {"one": "MetadataIncomplete"})
        assert f"{read} of 5 tags are read" in run.image("one")["message"]
        assert shop.log() == ["Begin"]
    run = shop.run()
    assert (run.code, run.reasons) == (0, {"one": "Updated"})
    assert "tag: 1.4.0" in shop.file("one/values.yaml")


def test_a_fault_in_it_stops_the_run_with_file_and_line(shop):
    path = shop.write("registries.extra.conf", "registries:\n- prefix: ghcr.io\n  timout: 3s\n")
    run = shop.run()
    assert run.code == 1
    assert f"{path}:3: entry 1 (ghcr.io): unknown key 'timout'" in run.err
    assert "did you mean 'timeout'?" in run.err
    assert shop.log() == ["Begin"]
