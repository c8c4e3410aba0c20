"""What holds of every picture: titles and labels are there, no text covers another, nothing covers data."""

import itertools

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

SLACK = 1.0
"""Pixels by which boxes of text may touch: they are a little higher than the letters."""


def faults(figure: Figure) -> list[str]:
    """What is wrong with a figure, in words; an empty list where nothing is."""
    figure.draw_without_rendering()
    texts = list(_texts(figure))
    return [*_missing(figure), *_outside(figure, texts), *_overlaps(texts), *_covered(figure, texts)]


def _panels(figure):
    """The axes that are no colour bars."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def _missing(figure):
    sizes = set()
    for axes in _panels(figure):
        title = axes.get_title(loc="left")
        if not title:
            yield "axes have no title"
        if axes.get_title(loc="center") or axes.get_title(loc="right"):
            yield f"{title!r} is not aligned to the left"
        sizes.add(axes.title.get_fontsize())
        if not axes.axison:
            continue
        for side, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
            # Where nothing is written at an axis, its neighbour's numbers serve, or it means nothing.
            if any(_shown_ticks(axis)) and not axis.get_label_text():
                yield f"the {side} axis below {title!r} has no label"
    if len(sizes) > 1:
        yield f"titles differ in size: {sizes}"
    for axes in figure.axes:
        if axes not in _panels(figure) and not (axes.get_ylabel() or axes.get_xlabel()):
            yield "a colour bar has no label"


def _shown_ticks(axis):
    """The texts at an axis that are drawn."""
    low, high = sorted(axis.get_view_interval())
    room = 1e-9 * (high - low)
    for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
        text = tick.label1
        if text.get_visible() and text.get_text() and low - room <= tick.get_loc() <= high + room:
            yield text


def _texts(figure):
    """All texts that are drawn."""
    texts = [*figure.texts]
    for axes in figure.axes:
        texts += [axes.title, axes._left_title, axes._right_title, *axes.texts]
        if axes.axison:
            texts += [axes.xaxis.label, axes.yaxis.label, *_shown_ticks(axes.xaxis), *_shown_ticks(axes.yaxis)]
        if axes.get_legend() is not None:
            texts += axes.get_legend().get_texts()
    return [text for text in texts if text.get_visible() and text.get_text().strip()]


def _box(text: Text) -> Bbox:
    # Of an annotation without its arrow.
    return Text.get_window_extent(text)


def _shrunk(box):
    return Bbox.from_extents(box.x0 + SLACK, box.y0 + SLACK, box.x1 - SLACK, box.y1 - SLACK)


def _outside(figure, texts):
    whole = figure.bbox
    for text in texts:
        box = _shrunk(_box(text))
        if box.x0 < whole.x0 or box.y0 < whole.y0 or box.x1 > whole.x1 or box.y1 > whole.y1:
            yield f"{text.get_text()!r} is cut off"


def _overlaps(texts):
    boxes = [(text.get_text(), _shrunk(_box(text))) for text in texts]
    for (one, box), (other, another) in itertools.combinations(boxes, 2):
        if box.overlaps(another):
            yield f"{one!r} and {other!r} overlap"


def _covered(figure, texts):
    """Legends may cover no line and no mark; other texts no mark."""
    for axes in figure.axes:
        marks, lines = _drawn(axes)
        legend = axes.get_legend()
        boxes = [(repr(text.get_text()), _shrunk(_box(text)), [marks]) for text in texts if text.axes is axes]
        if legend is not None:
            boxes.append(("the legend", legend.get_window_extent(), [marks, lines]))
        for name, box, kinds in boxes:
            if any(_inside(box, points) for points in kinds):
                yield f"{name} covers data below {axes.get_title(loc='left')!r}"


def _inside(box, points):
    x, y = points.T
    return bool(((box.x0 < x) & (x < box.x1) & (box.y0 < y) & (y < box.y1)).any())


def _drawn(axes):
    """Marks, and points on lines and on the edges of areas, in pixels, as far as they are within the axes."""
    marks, lines = [np.empty((0, 2))], [np.empty((0, 2))]
    for line in axes.lines:
        points = line.get_transform().transform(line.get_path().vertices)
        if line.get_marker() not in ("None", "none", "", " ", None):
            marks.append(points)
        if line.get_linestyle() not in ("None", "none"):
            lines.append(_dense(points))
    for collection in axes.collections:
        if isinstance(collection, PathCollection):
            marks.append(collection.get_offset_transform().transform(collection.get_offsets()))
            continue
        for path in collection.get_paths():
            lines.append(_dense(collection.get_transform().transform(path.vertices)))
    kept = []
    for points in (np.concatenate(marks), np.concatenate(lines)):
        points = points[np.isfinite(points).all(axis=1)]
        box = axes.bbox.padded(2)
        x, y = points.T
        kept.append(points[(box.x0 <= x) & (x <= box.x1) & (box.y0 <= y) & (y <= box.y1)])
    return kept


def _dense(points):
    """The corners of a line and, between them, a point every few hundredths of it."""
    if len(points) < 2:
        return points
    share = np.linspace(0, 1, 40)[:, None, None]
    return ((1 - share) * points[:-1] + share * points[1:]).reshape(-1, 2)
