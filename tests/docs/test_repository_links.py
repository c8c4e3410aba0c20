"""Links of a page to what has no page in the site: words and a path, whatever the link said."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

nodes = pytest.importorskip("docutils.nodes", reason="Sphinx and docutils are the tools of the site")
addnodes = pytest.importorskip("sphinx.addnodes", reason="Sphinx and docutils are the tools of the site")

PLACE = Path(__file__).parents[2] / "docs" / "_extensions" / "repository_links.py"
SPEC = importlib.util.spec_from_file_location("repository_links", PLACE)
links = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(links)


@pytest.fixture
def seen(tmp_path):
    """How a link of the page docs/PAGE.md to a target looks afterwards; None where it stays a link."""
    for folder in ("docs", "results/records"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "CONTRIBUTING.md").touch()
    (tmp_path / "docs" / "OTHER.md").touch()
    page = tmp_path / "docs" / "PAGE.md"

    def link(words, target, domain="", kind="myst"):
        document = nodes.section()
        reference = addnodes.pending_xref("", nodes.Text(words), reftype=kind, reftarget=target, refdomain=domain)
        document += nodes.paragraph("", "", reference)

        class OnThePage(links.NamePaths):
            env = SimpleNamespace(docname="PAGE", doc2path=lambda name: page)
            app = SimpleNamespace(srcdir=page.parent)

        transform = object.__new__(OnThePage)
        transform.document = document
        transform.run()
        return None if list(document.findall(addnodes.pending_xref)) else document.astext()

    return link


def test_a_folder_is_named_by_its_path(seen):
    assert seen("the records", "../results/records") == "the records (results/records)"


def test_a_path_is_not_said_twice(seen):
    assert seen("results/records", "../results/records") == "results/records"
    assert seen("results/", "../results") == "results"


def test_a_document_outside_of_the_site_is_named_by_its_path(seen, tmp_path):
    outside = str(tmp_path / "CONTRIBUTING")
    assert seen("the rules", outside, domain="doc") == "the rules (CONTRIBUTING.md)"


def test_other_links_stay(seen, tmp_path):
    assert seen("a page", "OTHER", domain="doc") is None
    assert seen("nothing", "../missing") is None
    assert seen("nothing", str(tmp_path / "MISSING"), domain="doc") is None
    assert seen("a name", "../results", kind="any") is None
