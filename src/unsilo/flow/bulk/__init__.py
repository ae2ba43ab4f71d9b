"""Whole populations out of the store and into it: Bulk Data Access exports, imports from files."""
