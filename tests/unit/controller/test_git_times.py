"""Time limits of Git from the environment."""

import pytest

from argocd_image_updater.controller.git_times import GitTimes, read_git_times


def test_the_variables_of_argo_cd_set_the_limits():
    assert read_git_times(
        {
            "ARGOCD_EXEC_TIMEOUT": "2m30s",
            "ARGOCD_EXEC_FATAL_TIMEOUT": "500ms",
            "ARGOCD_GIT_REQUEST_TIMEOUT": "1m",
        }
    ) == GitTimes(150.0, 0.5, 60.0)


@pytest.mark.parametrize("text", ["", "90", "soon", "-1s", "0", "0s"])
def test_what_is_no_duration_above_zero_counts_as_not_set(text):
    names = ("ARGOCD_EXEC_TIMEOUT", "ARGOCD_EXEC_FATAL_TIMEOUT", "ARGOCD_GIT_REQUEST_TIMEOUT")
    assert read_git_times(dict.fromkeys(names, text)) == GitTimes(90.0, 10.0, 15.0)
    assert read_git_times({}) == GitTimes()
