"""Standardise, compare, explain and link person records."""
