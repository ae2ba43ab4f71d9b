"""Whether a node is running on a data folder."""

from pathlib import Path

from unsilo.cli.node import holding, is_free


def test_a_folder_is_free_unless_a_node_holds_it(tmp_path: Path) -> None:
    """Before the first node, while one holds it, and after."""
    assert is_free(tmp_path)
    with holding(tmp_path):
        assert not is_free(tmp_path)
    assert is_free(tmp_path)
