"""Compile the package's loops, once per machine, so that no reader waits for them."""

import time

import ssmelsm_helpers as sm


def main() -> None:
    """Small fits: the collapsed formulation by both samplers, and the marginal one."""
    begin = time.perf_counter()
    students = sm.simulate_schools(n_schools=10, n_students=20, random_seed=1).students
    model = "score ~ 1 + (1 | school)", "~ 1 + (1 | school)"
    quiet = {"draws": 10, "tune": 10, "chains": 1, "random_seed": 1, "progressbar": False}
    for formulation, sampler in (("collapsed", "importance"), ("collapsed", "nuts"), ("marginal", "nuts")):
        sm.fit(*model, students, formulation=formulation, sampler=sampler, **quiet)
    print(f"Compiled, or found compiled, in {time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
