"""Where the bundled scenarios are: inside the wheel, or at the top of a checkout."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from loadkit.errors import UsageError

_PACKAGE = Path(__file__).parent.parent
_FOLDERS = (_PACKAGE / "bundled" / "scenarios", _PACKAGE.parent / "scenarios")


def bundled_scenarios() -> dict[str, Path]:
    """The scenarios that come with loadkit, by name."""
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), None)
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))} if folder else {}


def find_scenario(name_or_path: str) -> Path:
    """The file of a scenario.

    Args:
        name_or_path: A file's path, or the name of a bundled scenario such as ``smoke``. A file wins.

    Raises:
        UsageError: If there is neither such a file nor such a name.
    """
    path = Path(name_or_path)
    if path.is_file():
        return path
    known = bundled_scenarios()
    if name_or_path in known:
        return known[name_or_path]
    likely = get_close_matches(name_or_path, known, n=1)
    hint = f"did you mean {likely[0]}? " if likely else ""
    raise UsageError(
        f"no scenario {name_or_path!r}: neither a file nor one of the bundled ones",
        hint=f"{hint}bundled scenarios: {', '.join(known) or 'none found'}",
    )
