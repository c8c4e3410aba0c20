"""Links from a page to what the site has no page for, a folder or a document elsewhere in the repository: its path.

Links to other files outside docs/ need nothing: Sphinx copies the file beside the pages.
"""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform


class NamePaths(SphinxPostTransform):
    """The words of such a link, followed by the path where they do not say it."""

    default_priority = 8  # MyST reports links that lead to no page at 9

    def run(self, **kwargs: Any) -> None:
        """Replace all such links of one page."""
        for link in [link for link in self.document.findall(pending_xref) if link["reftype"] == "myst"]:
            target = link["reftarget"]
            if link["refdomain"] == "doc":  # a document, absolute and without its ending where it is not in docs/
                place = Path(f"{target}.md")
            else:
                place = Path(self.env.doc2path(self.env.docname)).parent / target
            if not (place.is_dir() or (place.is_absolute() and place.is_file())):
                continue
            path, words = str(place.resolve().relative_to(self.app.srcdir.parent)), link.astext()
            named = nodes.literal(path, path)
            link.replace_self(named if words == path else [nodes.Text(f"{words} ("), named, nodes.Text(")")])


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_post_transform(NamePaths)
    return {"parallel_read_safe": True}
