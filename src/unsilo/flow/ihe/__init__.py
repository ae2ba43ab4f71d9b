"""IHE's identity transactions: cross-referenced identifiers, demographics queries, notifications of their changes."""
