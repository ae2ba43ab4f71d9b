"""Measurements against named peers, each a module with `main()`; `python -m bench [NAME ...]` runs them."""
