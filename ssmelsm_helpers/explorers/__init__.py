"""Interactive explorers: pure functions from settings to pictures and words, live in a notebook and on a static page."""
