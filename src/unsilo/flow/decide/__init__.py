"""What people decide: links, merges and doubtful pairs of records, local codes, facts read in notes."""
