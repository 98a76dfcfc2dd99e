"""Data frames in, one row per school out: Saeb, made-up examples, what chance makes of SDs."""
