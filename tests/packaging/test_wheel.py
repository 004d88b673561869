"""The wheel holds all that loadkit is, and works where the repository is not."""

from __future__ import annotations

import json
import os
import site
import subprocess
import sys
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("loadkit", "sinks")
SCENARIOS = {path.name for path in (ROOT / "scenarios").glob("*.yaml")}


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment with the wheel in it, and an empty folder to work in."""

    folder: Path
    bin: Path

    def __call__(self, *command: str, most_s: float = 110) -> str:
        """What a command of this environment prints."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        program = str(self.bin / command[0])
        done = subprocess.run(
            [program, *command[1:]],
            cwd=self.folder,
            env=kept,
            capture_output=True,
            text=True,
            check=False,
            timeout=most_s,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def run_python(*arguments: str) -> None:
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run_python("-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder))
    (file,) = folder.glob("loadkit-*-py3-none-any.whl")
    return file


def install(wheel: Path, folder: Path, *options: str) -> Installed:
    venv.create(folder / "venv", symlinks=True)
    (folder / "work").mkdir()
    installed = Installed(folder / "work", folder / "venv" / "bin")
    run_python("-m", "pip", "--python", str(installed.bin / "python"), "install", "--quiet", *options, str(wheel))
    return installed


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel alone; what it depends on is taken from the environment of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    installed = install(wheel, folder, "--no-deps", "--no-compile")
    (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    return installed


def test_it_holds_every_file_of_both_packages_and_the_scenarios_and_nothing_else(wheel: Path) -> None:
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    } | {f"loadkit/bundled/scenarios/{name}" for name in SCENARIOS}
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert {"loadkit/py.typed", "sinks/py.typed", "loadkit/drive/web_page.html"} < names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_it_works_without_the_repository(installed: Installed) -> None:
    where = installed("python", "-c", "import loadkit, sinks; print(loadkit.__file__, sinks.__file__)")
    assert str(ROOT) not in where
    assert "Commands:\n  init " in installed("loadkit", "--help")
    assert "promotion" in installed("loadkit", "check", "promotion")
    profiles = json.loads(installed("loadkit", "sink", "--profiles", "--json"))
    assert profiles.keys() == {path.stem for path in (ROOT / "sinks" / "profiles").glob("*.yaml")}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_goes_the_whole_way(installed: Installed) -> None:
    said = installed("loadkit", "demo", "--quiet", most_s=290).splitlines()
    assert len(said) == 10, said
    assert [line.split(",")[0] for line in said[4:7]] == ["basic", "professional", "enterprise"], said
    page = installed.folder / said[8].removeprefix("page: ")
    assert "professional" in page.read_text(encoding="utf-8")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_it_brings_all_that_it_needs(wheel: Path, tmp_path: Path) -> None:
    installed = install(wheel, tmp_path)
    assert "smoke" in installed(
        "loadkit", "run", "smoke", "--compress", "3s", "--scale", "50%", "--set", "thresholds={}"
    )
