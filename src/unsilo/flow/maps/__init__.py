"""Local codes and units: the decisions in use, what is suggested, what comes."""
