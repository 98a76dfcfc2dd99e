"""The checks behind the exercises: `check(id, answer)`.

An exercise is one entry of the `chapters_*.toml`, under the label that it has in its notebook. Its texts of code see
`np`, `sm`, the fits that are handed in, and what stands before them; sentences hold the same names in braces.

`given` : numbers of the exercise's text, and what follows from them
`needs` : which of the arguments `fit` and `before` it asks about; none where it is left out
`right` : the right answer: a number, a word, or the terms of a formula
`within` : how far a number may be off; half of the second decimal where it is left out
`yes` : the sentence for the right answer, which says why
`mistakes` : known wrong answers (of a formula, also what is true of the `answer`), and the reason that teaches
`look` : where in the chapter to look after any other answer
"""
