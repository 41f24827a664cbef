"""Every data file is readable, whoever runs it."""

import json

import pytest
from vectors.loading import data_dir, data_files


@pytest.mark.parametrize("stem", data_files())
def test_data_file_is_readable_and_has_cases(stem):
    document = json.loads((data_dir() / f"{stem}.json").read_text())
    assert isinstance(document["cases"], list)
    assert document["cases"]
