"""What each feed sends: counted in the workers, kept as a profile, and an alarm when it changes."""
