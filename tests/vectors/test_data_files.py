"""Every data file is readable, whoever runs it."""

import pytest

from vectors.loading import data_files, read_cases


@pytest.mark.parametrize("stem", data_files())
def test_data_file_is_readable_and_has_cases(stem):
    assert read_cases(stem)
