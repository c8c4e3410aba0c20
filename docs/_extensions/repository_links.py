"""Links to folders and to Markdown files outside of docs/, which have no page in the site, become the path in words.

Links to other files outside of docs/ need nothing: Sphinx copies the file beside the pages.
"""

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform


class NamePaths(SphinxPostTransform):
    """Replaces each such link by its words, followed by the path where the words are not the path."""

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
            link.replace_self(
                named if words.rstrip("/") == path else [nodes.Text(f"{words} ("), named, nodes.Text(")")]
            )


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_post_transform(NamePaths)
    return {"parallel_read_safe": True}
