"""Notes of the record read for facts in the background, shown apart, and answered by clinicians."""
