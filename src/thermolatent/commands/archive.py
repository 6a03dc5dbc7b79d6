"""``thermolatent archive``: one tar file with what cannot be made again cheaply, and checksums of all in it."""

from __future__ import annotations

import argparse
import hashlib
import io
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

from thermolatent.commands.arguments import add_results, add_study, study_folders, study_of
from thermolatent.errors import ThermolatentError

if TYPE_CHECKING:
    from thermolatent.study.layout import Layout

HELP = "pack MD, models, scores and report of a study into one tar file"
#: Folders and files of a study that go in. Features, samples and figures are left out: they follow from these.
_KEPT = ("study.json", "represent", "reweight", "learn", "validate", "report.html")
_CHECKSUMS = "SHA256SUMS"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_study(parser)
    add_results(parser)
    parser.add_argument("--out", metavar="FILE.tar", help="default: <study>.tar")


def run(options: argparse.Namespace) -> None:
    from thermolatent.files.artifacts import replacing
    from thermolatent.study.disk import told
    from thermolatent.study.layout import Layout

    study = study_of(options)
    layout = Layout.of(study, options.results)
    out = Path(options.out or f"{study.name}.tar")
    if out.exists():
        raise ThermolatentError(f"{out}: is there already; name another with --out, or remove it")
    if missing := [
        Path(layout.protocol(T)) for T in study.temperatures.simulated if not Path(layout.protocol(T)).is_file()
    ]:
        raise ThermolatentError(f"{missing[0]}: is missing, so the MD is not complete; finish the workflow first")
    stem = study.name.partition("@")[0]
    source = next(f for folder in study_folders(options) if (f := Path(folder) / f"{stem}.yaml").is_file())
    files = {f"studies/{source.name}": source} | _files(layout, options.results)
    sums = []
    with replacing(out) as temporary, tarfile.open(temporary, "w") as tar:
        for name, path in files.items():
            tar.add(path, f"{study.name}/{name}", recursive=False)
            with path.open("rb") as stream:
                sums.append(f"{hashlib.file_digest(stream, 'sha256').hexdigest()}  {name}\n")
        content = "".join(sums).encode()
        member = tarfile.TarInfo(f"{study.name}/{_CHECKSUMS}")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    print(
        f"{out}: {len(files)} files, {told(out.stat().st_size)}; check it where it is unpacked: sha256sum -c {_CHECKSUMS}"
    )
    if absent := [name for name in _KEPT if not (Path(layout.root) / name).exists()]:
        print(f"not in it, as not made yet: {', '.join(absent)}")


def _files(layout: Layout, results: str) -> dict[str, Path]:
    """Finished files by their name in the archive, which is their path below the working directory."""
    root, found = Path(layout.root), {}
    folders = [Path(layout.md) / "simulate", *(root / name for name in _KEPT)]
    for folder in folders:
        for path in [folder] if folder.is_file() else sorted(f for f in folder.rglob("*") if f.is_file()):
            unfinished = path.suffix in (".partial", ".checkpoint", ".lock") or path.name.startswith(".")
            parts = path.relative_to(results).parts
            if not unfinished and not any(part.endswith((".partial", ".restart")) for part in parts):
                found["/".join(("results", *parts))] = path
    return found
