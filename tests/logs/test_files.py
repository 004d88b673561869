from __future__ import annotations

import bz2
import gzip
import lzma
import os
from pathlib import Path

import pytest

from loadkit.errors import UsageError
from loadkit.logs.files import BLOCK_BYTES, MAX_LINE_BYTES, LogFile, in_order


def content(path: Path) -> bytes:
    return b"".join(piece.data for piece in LogFile(path).pieces())


def quick_xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=0)


def test_a_rotation_is_read_from_the_oldest(tmp_path: Path) -> None:
    names = [
        "mail.log.10.gz",
        "mail.log.2.gz",
        "mail.log.1",
        "mail.log",
        "other-20261122.xz",
        "other-20261123",
        "other",
    ]
    for name in reversed(names):
        (tmp_path / name).write_text(name)
    assert [file.path.name for file in in_order(sorted(tmp_path.iterdir()))] == names


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    os.link(tmp_path / "a", tmp_path / "b")
    assert len(in_order([tmp_path / "a", tmp_path / "a", tmp_path / "b"])) == 1


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, quick_xz], ids=["plain", "gz", "bz2", "xz"])
def test_every_compression_gives_the_same_whatever_the_name(tmp_path: Path, pack: type[bytes]) -> None:
    lines = b"".join(b"line %d\n" % number for number in range(250_000))
    assert len(lines) > BLOCK_BYTES
    (tmp_path / "log").write_bytes(pack(lines))
    assert content(tmp_path / "log") == lines


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, quick_xz], ids=["gz", "bz2", "xz"])
def test_compressed_data_that_is_cut_short_gives_what_there_is(tmp_path: Path, pack: type[bytes]) -> None:
    lines = b"".join(b"line %d\n" % number for number in range(250_000))
    packed = pack(lines)
    (tmp_path / "log").write_bytes(packed[: len(packed) * 3 // 4])
    file = LogFile(tmp_path / "log")
    got = b"".join(piece.data for piece in file.pieces())
    assert file.damage.startswith("its compressed data is damaged or cut short")
    assert got == b"" or lines.startswith(got.rstrip(b"\n"))


def test_a_last_line_without_its_end_gets_one(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"a\nb")
    assert content(tmp_path / "log") == b"a\nb\n"


def test_an_endless_line_is_dropped_and_leaves_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"first\n" + b"x" * (3 * BLOCK_BYTES) + b"\nlast\n")
    pieces = list(LogFile(tmp_path / "log").pieces())
    assert b"".join(piece.data for piece in pieces) == b"first\n\nlast\n"
    assert [piece.cut for piece in pieces].count(True) == 1
    assert max(len(piece.data) for piece in pieces) < BLOCK_BYTES + MAX_LINE_BYTES


def test_a_file_that_is_one_endless_line(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * (2 * BLOCK_BYTES))
    assert [piece.data for piece in LogFile(tmp_path / "log").pieces()] == [b""]


@pytest.mark.parametrize(
    ("make", "message", "hint"),
    [
        (lambda path: path.mkdir(), "is a folder", "mail.log*"),
        (lambda _: None, "No such file", "goes before --from-log"),
        (lambda path: path.write_bytes(b"\x28\xb5\x2f\xfdxxxx"), "compressed with zstd", "zstd -d"),
    ],
    ids=["folder", "missing", "zstd"],
)
def test_what_can_not_be_read_is_said(tmp_path: Path, make: object, message: str, hint: str) -> None:
    path = tmp_path / "log"
    make(path)  # type: ignore[operator]
    with pytest.raises(UsageError, match=message) as caught:
        list(in_order([path])[0].pieces())
    assert hint in caught.value.hint
