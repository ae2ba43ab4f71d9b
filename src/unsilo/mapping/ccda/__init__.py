"""C-CDA on the mapping engine: XML paths, generated code, document recognition, named converters, narrative."""
