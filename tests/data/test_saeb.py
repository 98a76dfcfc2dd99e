"""The Saeb data with a file, without one, with a broken one, and with a network that fails or lies.

Every test works in a folder of its own; no test uses the network or writes into the repository's data folder.
"""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pooch
import pytest
import requests
from saeb_schools import make_saeb_schools

import ssmelsm_helpers as sm
from ssmelsm_helpers.data import saeb

DATA = Path(saeb.__file__).parents[2] / "data"


class Response:
    """As much of a `requests` response as a download reads."""

    def __init__(self, content: bytes):
        self.content = content
        self.headers = {"content-length": str(len(content))}

    def raise_for_status(self):
        pass

    def iter_content(self, chunk_size):
        for start in range(0, len(self.content), chunk_size):
            yield self.content[start : start + chunk_size]

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty data folder, nothing remembered from other tests, and no network at all."""
    monkeypatch.setenv("SSMELSM_DATA", str(tmp_path / "data"))
    # Its handler holds on to the stream of the test that imported it.
    monkeypatch.setattr(pooch.get_logger(), "disabled", True)
    answer(monkeypatch, requests.ConnectionError("no network in tests"))
    forget()
    yield tmp_path / "data"
    forget()


def forget():
    """A failed download and a given notice are remembered for the session: start another one."""
    saeb._find_students.cache_clear()


def answer(monkeypatch, with_what):
    """Let every download raise this error, or receive these bytes; returns the list of addresses asked for."""
    asked = []

    def get(url, **_):
        asked.append(url)
        if isinstance(with_what, Exception):
            raise with_what
        return Response(with_what)

    monkeypatch.setattr(requests, "get", get)
    return asked


@pytest.fixture(scope="session")
def real_file(saeb_students) -> bytes:
    """The real file's bytes, from wherever `load_saeb` found it (before any test looks elsewhere)."""
    return saeb._find_students(str(saeb.data_folder())).read_bytes()


def test_committed_summaries_are_those_of_the_students(saeb_students, tmp_path):
    """The script that wrote data/saeb_schools.csv, rerun, writes the same file, byte for byte."""
    again = tmp_path / "again.csv"
    make_saeb_schools(saeb_students).to_csv(again)
    assert again.read_bytes() == (DATA / "saeb_schools.csv").read_bytes()
    pd.testing.assert_frame_equal(pd.read_csv(again, index_col="school_id"), sm.load_saeb_schools(), check_exact=True)


def test_students_are_as_documented(saeb_students):
    """11,386 students, 160 schools, 1 to 493 each, median 44.5; school 80 has one."""
    assert list(saeb_students) == ["school_id", "public", "student_ses", "math_proficiency", "location"]
    assert saeb_students.shape == (11_386, 5)
    assert not saeb_students.isna().any(axis=None)
    sizes = saeb_students.groupby("school_id").size()
    assert (len(sizes), sizes.min(), sizes.max(), sizes.median(), sizes[80]) == (160, 1, 493, 44.5, 1)
    assert saeb_students["math_proficiency"].mean() == pytest.approx(0.149, abs=5e-4)
    assert saeb_students["math_proficiency"].std() == pytest.approx(0.848, abs=5e-4)
    assert set(saeb_students["public"]) == {0, 1}
    assert set(saeb_students["location"]) == {1, 2}
    assert saeb_students.attrs == {"reconstructed": False, "source": "the 11,386 students of saeb.rda"}


def test_without_file_and_network_students_are_reconstructed(folder, capsys):
    """Said once, marked, and exact in everything that the intercept-only model sees."""
    students = sm.load_saeb()
    said = capsys.readouterr().out
    assert "made-up students" in said
    assert "ConnectionError" in said
    assert students.attrs["reconstructed"] is True
    assert "reconstruction" in students.attrs["source"]
    schools = sm.load_saeb_schools()
    found = sm.summarise_schools(students, outcome="math_proficiency", school="school_id")
    pd.testing.assert_frame_equal(found, schools[["n", "mean", "sd"]], rtol=1e-12, atol=1e-13)
    remade = make_saeb_schools(students)
    # Two students correlate by 1 or -1 whatever their scores; rounding leaves that open in the last digit.
    pd.testing.assert_frame_equal(remade[schools.columns], schools, rtol=1e-9, atol=1e-12)
    assert capsys.readouterr().out == ""


def test_the_notice_comes_once_and_the_download_is_not_tried_again(folder, capsys, monkeypatch):
    asked = answer(monkeypatch, requests.Timeout("slow"))
    first, second = sm.load_saeb(), sm.load_saeb()
    assert capsys.readouterr().out.count("load_saeb:") == 1
    assert asked == [saeb.URL]
    pd.testing.assert_frame_equal(first, second)
    assert second.attrs["reconstructed"]


def test_a_broken_download_leaves_nothing_behind(folder, capsys, monkeypatch):
    """A login page instead of the file: reconstructed, said why, and no wrong file to trip over next time."""
    answer(monkeypatch, b"<html>Please log in</html>")
    assert sm.load_saeb().attrs["reconstructed"]
    assert "not the expected file" in capsys.readouterr().out
    assert not folder.exists() or list(folder.iterdir()) == []


def test_a_wrong_file_is_refused_and_left_as_it_is(folder):
    folder.mkdir()
    path = folder / "saeb.rda"
    path.write_bytes(b"something else")
    found = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(ValueError, match=rf"saeb.rda is not the expected file: its SHA-256 is {found}, expected"):
        sm.load_saeb()
    assert path.read_bytes() == b"something else"


def test_a_good_file_is_used_without_network(folder, real_file, monkeypatch, capsys):
    folder.mkdir()
    (folder / "saeb.rda").write_bytes(real_file)
    asked = answer(monkeypatch, b"broken")
    students = sm.load_saeb()
    assert not students.attrs["reconstructed"]
    assert asked == []
    assert (folder / "saeb.rda").read_bytes() == real_file
    assert capsys.readouterr().out == ""


def test_a_good_download_is_kept(folder, real_file, monkeypatch):
    """Asked for at the fixed commit, kept, and used from then on."""
    asked = answer(monkeypatch, real_file)
    assert not sm.load_saeb().attrs["reconstructed"]
    assert (folder / "saeb.rda").read_bytes() == real_file
    forget()
    assert not sm.load_saeb().attrs["reconstructed"]
    assert asked == [saeb.URL]


def test_the_summary_table_is_as_documented(saeb_schools):
    """What the data dictionary says of it: the columns, the missing values of the single-student school."""
    expected = ["n", "mean", "sd", "student_ses_mean", "student_ses_sd", "student_ses_cor", "public", "location"]
    assert list(saeb_schools) == expected
    assert saeb_schools.index.is_unique
    assert saeb_schools.index[saeb_schools["sd"].isna()].tolist() == [80]
    assert np.isnan(saeb_schools.loc[80, "student_ses_cor"])
    assert saeb_schools["n"].sum() == 11_386


def test_students_and_summary_cannot_disagree_on_a_schools_type(saeb_students):
    """A school that is public for some of its students is refused, not summarised by its first one."""
    broken = saeb_students.copy()
    broken.loc[0, "public"] = 1 - broken.loc[0, "public"]
    with pytest.raises(ValueError, match="public differs between students of one school"):
        make_saeb_schools(broken)
