"""The runner of documentation pages: what it finds right, and every way in which it finds a page wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.documents import Page, PageError, blocks_of, loadkit_calls

GOOD = """\
# A page

```yaml title="parts/answer.yaml"
answer: 42
```

```python
from pathlib import Path
text = Path("parts/answer.yaml").read_text()
print(text.strip())
print("and", 1 / 3)
```
It prints:
```text
answer: 42
and 0.3333...
```

```python
>>> text.partition(": ")[0]
'answer'
>>> shown = len(text)
```

```python
assert shown == 11
```

<!-- no run -->
```python
import a_module_that_is_not_there
```

```console
$ loadkit run smoke --set load.sessions=3 \\
    --target smtp://127.0.0.1:2525 | tail -3   # not run
$ make demo
```

<!-- run -->

```console
$ loadkit schema scenario > scenario.schema.json
$ loadkit report nothing
error: there is no run 'nothing'
...
$ echo $?
2
```
"""


def hold(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.chdir(folder)
    return Page(text, folder).hold()


def test_a_page_that_is_right_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hold(GOOD, tmp_path, monkeypatch) == 6
    assert '"$schema"' in (tmp_path / "scenario.schema.json").read_text()


def test_blocks_have_their_lines() -> None:
    lines = GOOD.splitlines()
    assert all(lines[block.line - 1] == block.text.splitlines()[0] for block in blocks_of(GOOD))


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ("```python\nprint(1)\n```\n", "line 2 shows"),
        ("```python\nprint(1)\n```\n```text\n2\n```\n", "there came\n1"),
        ("```python\nx = 1\n```\n```text\n1\n```\n", "there came"),
        ("\n\n```python\n1 / 0\n```\n", "line 4: ZeroDivisionError"),
        ("```python\n>>> 1 + 1\n3\n```\n", "Got:\n    2"),
        ("```console\n$ loadkit nothing\n```\n", "no command loadkit nothing"),
        ("```console\n$ loadkit list --nothing 3\n```\n", "--nothing"),
        ("```console\n$ cat x | loadkit fit - --nothing\n```\n", "--nothing"),
        ("<!-- run -->\n```console\n$ loadkit report nothing\n```\n", "ends with 2"),
        ("<!-- run -->\n```console\n$ loadkit schema\nnothing like it\n```\n", "shows\nnothing like it"),
        ("<!-- run -->\n```console\n$ loadkit schema | tail\n```\n", "not a single loadkit command"),
        ("<!-- run -->\n```console\n$ loadkit run smoke\n```\n", "drives load"),
        ("```console run\n$ loadkit list\n```\n", "write <!-- run -->"),
    ],
)
def test_a_page_that_is_wrong_is_told_where(
    page: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PageError) as found:
        hold(page, tmp_path, monkeypatch)
    assert problem in str(found.value)


def test_calls_are_found_in_a_line_of_a_shell() -> None:
    line = 'make && .venv/bin/loadkit run x --set "a.b=1; 2" | loadkit report latest > out.txt; echo loadkit  # loadkit'
    assert loadkit_calls(line) == [["run", "x", "--set", "a.b=1; 2"], ["report", "latest"]]
