"""Rows to Python: each map becomes the source text of one function, straight-line for HL7 v2, node by node for XML."""
