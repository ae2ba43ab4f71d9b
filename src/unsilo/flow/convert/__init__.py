"""Inputs of any format to FHIR Bundles, without a store."""
