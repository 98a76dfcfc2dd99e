"""The checks behind the exercises. Each takes an answer and gives `Feedback`: right or not, and a sentence that helps.

A module holds the checks of the chapters in its name; a check used in several chapters stands where it is used first.
To add one:

1. Write `check_...(answer, ...)` into the module of its chapter, and say the chapter in its docstring. The right answer
   is computed from the arguments, the data or the fit at hand, never typed.
2. Leave the comparison to `feedback`: `compare` for a number, with the likely mistakes and a reason for each; `choose`
   for one of a few words; `blank` first, where an answer is anything else. A check never raises, whatever the answer.
3. Name it in the map of `ssmelsm_helpers/__init__.py`.
4. Test that the blank stub fails, the solution passes and each mistake gets its reason, and list the check in
   `tests/test_exercise_answers.py`.
"""
