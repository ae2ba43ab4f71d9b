"""Whose record it is: placed in the store or matched in a file, explained, trained and measured."""
