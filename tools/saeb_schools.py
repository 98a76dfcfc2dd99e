"""Write data/saeb_schools.csv from the students of data/saeb.rda."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import ssmelsm_helpers as sm


def make_saeb_schools(students: pd.DataFrame) -> pd.DataFrame:
    """The committed table of school summaries, from the students."""
    by_school = students.groupby("school_id")
    schools = sm.summarise_schools(students, outcome="math_proficiency", school="school_id")
    schools["student_ses_mean"] = by_school["student_ses"].mean()
    schools["student_ses_sd"] = by_school["student_ses"].std()
    columns = ["student_ses", "math_proficiency"]
    # A school of one student has no correlation.
    cor = {label: group[columns].corr().iloc[0, 1] for label, group in by_school if len(group) > 1}
    schools["student_ses_cor"] = pd.Series(cor).reindex(schools.index)
    for name in ("public", "location"):
        if (by_school[name].nunique() != 1).any():
            raise ValueError(f"{name} differs between students of one school; it is expected to be a school's.")
        schools[name] = by_school[name].first()
    return schools


if __name__ == "__main__":
    students = sm.load_saeb()
    if students.attrs["reconstructed"]:
        raise SystemExit("saeb.rda is needed to write the summaries: put it into data/.")
    target = Path(__file__).resolve().parent.parent / "data" / "saeb_schools.csv"
    make_saeb_schools(students).to_csv(target)
    print(f"wrote {target}")
