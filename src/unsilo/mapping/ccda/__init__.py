"""C-CDA on the mapping engine: XML paths, generated code, document recognition, named converters, narrative."""

from unsilo.mapping.ccda.engine import CcdaMap, faults_of, open_map

__all__ = ["CcdaMap", "faults_of", "open_map"]
