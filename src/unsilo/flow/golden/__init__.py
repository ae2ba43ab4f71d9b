"""The golden record: for each field the one value of a person's source records that survives, and what it left."""
