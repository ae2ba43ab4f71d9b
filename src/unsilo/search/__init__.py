"""A FHIR search and the policy predicate become one plan, which `storage` renders and runs."""
