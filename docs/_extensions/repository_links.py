"""Links from a page to a folder of the repository, which the site has no page for: they become the folder's path.

Links to files outside docs/ need nothing: Sphinx copies the file beside the pages.
"""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform


class NameFolders(SphinxPostTransform):
    """The words of a link to a folder, followed by its path where they do not say it."""

    default_priority = 8  # MyST reports links that lead to no page at 9

    def run(self, **kwargs: Any) -> None:
        """Replace all such links of one page."""
        for link in list(self.document.findall(pending_xref)):
            folder = Path(self.env.doc2path(self.env.docname)).parent / link["reftarget"]
            if link["reftype"] == "myst" and folder.is_dir():
                path = str(folder.resolve().relative_to(self.app.srcdir.parent))
                words = link.astext()
                link.replace_self([nodes.literal(path, path)] if words == path else
                                  [nodes.Text(f"{words} ("), nodes.literal(path, path), nodes.Text(")")])


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_post_transform(NameFolders)
    return {"parallel_read_safe": True}
