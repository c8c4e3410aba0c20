"""How Sphinx makes the documentation site: `python scripts/tasks.py docs` writes it to build/docs.

The pages are those that one reads on GitHub, too. Formulas are plain text there, in docstrings and in what the program
prints, so the site has them as they are and needs no library for mathematics: nothing is fetched when a page is opened.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

import jaxleggett

project = "jaxleggett"
author = copyright = "The jaxleggett developers"
version = release = jaxleggett.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "plain_docstrings", "repository_links"]
exclude_patterns = ["_extensions"]
nitpicky = True
# Annotations name types of other packages, whose pages are not asked for over the network, and unions of private types;
# a `name` in a docstring is a link where there is such a page, and else just a name.
nitpick_ignore_regex = [("py:(class|obj)", ".*")]

html_theme = "furo"
html_title = "jaxleggett"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
highlight_language = "text"  # formulas and command lines in indented blocks
smartquotes = False  # quotation marks and dashes in formulas are what they are

myst_heading_anchors = 3  # as on GitHub

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 90
