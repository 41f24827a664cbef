"""Where a Pod remembers things, as volumes are mounted for it."""

import os
from pathlib import Path

from argocd_image_updater.cli import places
from argocd_image_updater.state.directory import StateDirectory


def test_a_pod_remembers_below_the_volume_whose_root_may_belong_to_somebody_else(
    tmp_path, monkeypatch
):
    volume = tmp_path / "state"
    volume.mkdir()
    volume.chmod(0o777)  # as an emptyDir comes
    monkeypatch.setattr(places, "STATE_DIR", volume)
    found = places.cluster_state_dir({})
    assert found.parent == volume
    StateDirectory.open(found).close()
    assert found.stat().st_mode & 0o777 == 0o700
    assert volume.stat().st_mode & 0o777 == 0o777


def test_without_a_volume_it_remembers_in_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "STATE_DIR", tmp_path / "missing")
    found = places.cluster_state_dir({"TMPDIR": "/t"})
    assert found == Path(f"/t/argocd-image-updater-{os.getuid()}")
