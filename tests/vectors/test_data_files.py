"""Every data file is readable, whoever runs it."""

import json

import pytest

from vectors.loading import data_dir, data_files, read_cases, runners


@pytest.mark.parametrize("stem", data_files())
def test_a_data_file_is_readable(stem):
    assert isinstance(json.loads((data_dir() / f"{stem}.json").read_bytes()), dict)


@pytest.mark.parametrize("stem", sorted(runners() & set(data_files())))
def test_a_data_file_with_a_runner_has_cases(stem):
    assert read_cases(stem)
