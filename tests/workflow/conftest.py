import pytest
from running_snakemake import snakemake


@pytest.fixture
def plan(tmp_path):
    """``plan(*arguments)``: a dry run in an empty folder."""
    return lambda *arguments: snakemake(tmp_path, "-n", *arguments)
