import pytest

from thermolatent.errors import ArtifactError
from thermolatent.files.manifest import lost_files, save_manifest, withdraw_if_lost


@pytest.fixture
def listed(tmp_path):
    for name in ("a.npz", "sub/b.dcd"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    save_manifest(tmp_path / "files.json", [tmp_path / "a.npz", tmp_path / "sub/b.dcd"])
    return tmp_path / "files.json"


def test_a_complete_list_stays(listed):
    assert lost_files(listed) == []
    assert not withdraw_if_lost(listed)
    assert listed.is_file()


def test_a_list_that_names_a_lost_file_is_withdrawn(listed):
    (listed.parent / "sub/b.dcd").unlink()
    assert lost_files(listed) == [str(listed.parent / "sub/b.dcd")]
    assert withdraw_if_lost(listed)
    assert not listed.exists()
    assert (listed.parent / "a.npz").is_file()
    assert not withdraw_if_lost(listed)


def test_a_list_that_cannot_be_read_is_withdrawn(listed):
    listed.write_text("{")
    assert withdraw_if_lost(listed)


def test_the_list_changes_with_a_files_content_only(listed):
    before, files = listed.read_bytes(), [listed.parent / "sub/b.dcd", listed.parent / "a.npz"]
    files[1].write_text("a.npz")
    save_manifest(listed, files)
    assert listed.read_bytes() == before
    files[1].write_text("other")
    save_manifest(listed, files)
    assert listed.read_bytes() != before


def test_a_file_that_was_not_written_is_told(tmp_path):
    with pytest.raises(ArtifactError, match=r"gone\.npz: was not written"):
        save_manifest(tmp_path / "files.json", [tmp_path / "gone.npz"])
