"""Messages from the journal through worker processes into the store, in order."""
