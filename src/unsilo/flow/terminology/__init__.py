"""The terminologies of a node, their releases, and FHIR's operations on them."""
