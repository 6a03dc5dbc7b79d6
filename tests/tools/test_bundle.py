"""What goes into a bundle for a machine without a network."""

import sys
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
import bundle


def wheel(folder, name, version, *requirements):
    """An empty wheel that needs something."""
    bundle.write_empty_wheel(folder, name, version)
    path = folder / f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
    metadata = f"{path.name.removesuffix('-py3-none-any.whl')}.dist-info/METADATA"
    with zipfile.ZipFile(path) as file:
        content = {other: file.read(other) for other in file.namelist()}
    content[metadata] += "".join(f"Requires-Dist: {each}\n" for each in requirements).encode()
    with zipfile.ZipFile(path, "w") as file:
        for other, text in content.items():
            file.writestr(other, text)


def test_the_output_of_pip_freeze_is_read(tmp_path):
    freeze = tmp_path / "freeze.txt"
    freeze.write_text(
        "torch==2.11.0+cu130  # here\n-e git+https://host/x@1#egg=mine\n\nnumpy @ file:///a/numpy-2.5.2-cp312-cp312-any.whl\n"
    )
    assert bundle.read_freeze(freeze) == {"torch": "2.11.0+cu130", "numpy": "2.5.2"}
    freeze.write_text("Torch\n")
    with pytest.raises(SystemExit, match=r"line 1: 'Torch' has no version; write what `pip list --format=freeze` says"):
        bundle.read_freeze(freeze)


def test_what_is_present_is_left_out_unless_another_wheel_refuses_it(tmp_path, capsys):
    """SciPy is there and stays, so what its wheel needs does not matter; mdtraj comes, and needs another NumPy."""
    wheel(tmp_path, "mdtraj", "1.11", "numpy<2.5", "scipy", "pandas; extra == 'optional'")
    wheel(tmp_path, "scipy", "1.17", "numpy<2.4")
    for name in ("numpy", "pandas"):
        wheel(tmp_path, name, "2.4.6")
    bundle.drop_present(tmp_path, {"numpy": "2.5.2", "scipy": "1.18.0", "pandas": "2.9", "torch": "2.11.0"}, "3.12")
    assert sorted(path.name.partition("-")[0] for path in tmp_path.iterdir()) == ["mdtraj", "numpy"]
    assert capsys.readouterr().out == "mdtraj needs numpy<2.5, there is 2.5.2: ours is in the bundle\n"


def test_torch_and_its_libraries_stay():
    assert [name for name in ("torch", "triton", "nvidia-cufft", "torchvision", "numpy") if bundle.stays(name)] == [
        *("torch", "triton", "nvidia-cufft")
    ]


def test_a_minimal_bundle_is_for_a_machine_with_torch(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["bundle.py", "--minimal"])
    with pytest.raises(SystemExit, match="--minimal: is for a machine with torch"):
        bundle.main()


def test_the_pins_leave_room_for_an_older_torch():
    """GPU machines come with a torch of their own."""
    import tomllib

    from packaging.requirements import Requirement

    project = tomllib.loads((bundle.ROOT / "pyproject.toml").read_text())["project"]
    needed = {r.name: r.specifier for r in map(Requirement, project["dependencies"])}
    assert "2.11.0" in needed["torch"]
