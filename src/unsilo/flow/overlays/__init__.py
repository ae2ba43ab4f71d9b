"""The mapping workbench: try, test, compare and publish what a site lays over the standard tables."""
