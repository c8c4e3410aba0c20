"""The interactive page in a real browser: Chromium, by its driver; skipped where either is missing."""

import json
from pathlib import Path

import numpy as np
import pytest
import screenshot_explore
from explore_positions import expected, positions

from jaxleggett.output.explore import write_page

ROOT = Path(__file__).parent.parent.parent

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"

TABLES = ("records", "records_shared")

PARTS = ("pair", "records", "axis")

# Moves the sliders as a hand would, and reads what the page shows; a slider rounds to its step, so that is read, too.
MOVE = """
const answers = [];
for (const place of JSON.parse(arguments[0])) {
  const sliders = ["V", "angle", "polar", "azimuth"].map((id) => document.getElementById(id));
  sliders.forEach((slider, i) => {
    slider.value = place[i];
    slider.dispatchEvent(new Event("input", { bubbles: true }));
  });
  const shown = {};
  for (const each of document.querySelectorAll("#part-pair dd")) {
    shown[each.id] = [each.dataset.value ?? null, each.textContent];
  }
  answers.push([sliders.map((slider) => slider.value), shown]);
}
return JSON.stringify(answers);
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    write_page(folder, ["test"])
    return (folder / "index.html").as_uri()


@pytest.fixture(scope="module")
def browser():
    pytest.importorskip("selenium.webdriver", reason="Selenium, of the extra `test`, is not installed")
    try:
        session = screenshot_explore.browser()
    except LookupError as missing:
        pytest.skip(str(missing))
    yield session
    session.quit()


@pytest.fixture
def page(browser, address):
    """The page, freshly loaded in a window of a desktop; at the end nothing may have been complained of."""
    screenshot_explore.emulate(browser, 1200, 1000, 1)
    browser.get("about:blank")
    browser.get(address)
    yield browser
    assert browser.get_log("browser") == []


def _by_id(page, name):
    return page.find_element("id", name)


BACK = "\ue003"
"""The key that deletes."""


def _type(box, text):
    """Type over what the box holds."""
    box.send_keys("\ue009a")  # control and a: all
    box.send_keys(text)


def _keys(page, *keys):
    from selenium.webdriver import ActionChains

    ActionChains(page).send_keys(*keys).perform()


def test_two_hundred_positions_of_the_sliders_show_the_numbers_of_the_package(page, rng):
    answers = json.loads(page.execute_script(MOVE, json.dumps(positions(rng).tolist())))
    given = np.array([[float(value) for value in place] for place, _ in answers])
    assert len(np.unique(given, axis=0)) >= 200
    values = expected(given)
    for name, correct in values.items():
        shown = np.array([float(row[name][0]) for _, row in answers])
        np.testing.assert_allclose(shown, correct, rtol=0, atol=1e-12, err_msg=name)
        texts = [float(row[name][1].replace("\u2212", "-")) for _, row in answers]
        np.testing.assert_allclose(texts, correct, rtol=0, atol=5.1e-7, err_msg=name)
    # Where a weight is negative the page names the outcomes: p^+ < 0 pulls C below its lower bound, hence ++ and --.
    clear = np.minimum(np.abs(values["p-plus"]), np.abs(values["p-minus"])) > 1e-12
    which = np.where(values["p-plus"] < 0, "equal", np.where(values["p-minus"] < 0, "opposite", "none"))
    assert set(which[clear]) == {"equal", "opposite", "none"}
    assert [row["outcomes"][0] for (_, row), sure in zip(answers, clear, strict=True) if sure] == list(which[clear])


def test_a_number_that_is_typed_counts_and_one_beyond_the_range_does_not(page):
    box = page.find_element("css selector", 'input[type="number"][data-control="V"]')
    _type(box, "0.8535533905932737")
    V = -float(_by_id(page, "target").get_attribute("data-value")) / np.cos(np.radians(34))
    assert V == pytest.approx(0.8535533905932737, abs=1e-15)
    before = _by_id(page, "p-plus").get_attribute("data-value")
    for text in ("17", "", "-0.5"):
        _type(box, text or BACK)
        page.execute_script("arguments[0].blur()", box)
        assert 0 <= float(box.get_attribute("value")) <= 1  # the last one of all that was typed on the way
    _type(box, "0.8535533905932737")
    assert _by_id(page, "p-plus").get_attribute("data-value") == before


def test_tabs_sliders_and_spheres_by_keyboard_alone(page):
    from selenium.webdriver import Keys

    page.execute_script("document.activeElement.blur()")
    _keys(page, Keys.TAB)
    assert page.switch_to.active_element.get_attribute("id") == "tab-pair"
    _keys(page, Keys.TAB)
    assert page.switch_to.active_element.get_attribute("id") == "V"
    _keys(page, Keys.ARROW_LEFT)
    assert page.switch_to.active_element.get_attribute("value") == "0.899"
    assert _by_id(page, "V-axis").get_attribute("value") == "0.899"
    sphere = _by_id(page, "sphere-upper")
    page.execute_script("arguments[0].focus()", sphere)
    screenshot_explore.drawn(page)
    first = sphere.get_attribute("data-view")
    _keys(page, Keys.ARROW_LEFT, Keys.ARROW_UP)
    screenshot_explore.drawn(page)
    assert sphere.get_attribute("data-view") != first
    assert _by_id(page, "sphere-lower").get_attribute("data-view") == sphere.get_attribute("data-view")
    page.execute_script("document.getElementById('tab-pair').focus()")
    right = Keys.ARROW_RIGHT
    for part, key in (("records", right), ("axis", right), ("pair", right), ("axis", Keys.END)):
        _keys(page, key)
        assert page.switch_to.active_element.get_attribute("id") == f"tab-{part}"
        assert [name for name in PARTS if _by_id(page, f"part-{name}").is_displayed()] == [part]
    _keys(page, Keys.ARROW_LEFT)
    page.execute_script("document.getElementById('record-after').focus()")
    _keys(page, Keys.ENTER, Keys.ENTER)
    assert _by_id(page, "record-choice").get_attribute("value") == "2"


@pytest.mark.thorough
def test_records_can_be_stepped_through_and_turned_by_mouse_and_finger(page):
    from selenium.webdriver import ActionChains

    _by_id(page, "tab-records").click()
    data = json.loads(page.execute_script("return document.getElementById('data').textContent"))
    tables = [json.loads((ROOT / "results" / name / "records.json").read_text())["records"] for name in TABLES]
    published = {(row["pairs"], *row["settings"]): row["published"] for table in tables for row in table}
    for number, record in enumerate(data["records"]):
        earlier = published[(record["pairs"], *record["settings"])]
        assert ("No published" if earlier is None else f"begins at {earlier:.4f}") in _by_id(page, "record-why").text
        assert float(_by_id(page, "record-threshold").get_attribute("data-value")) == record["threshold"]
        assert int(_by_id(page, "pair-choice").get_attribute("max")) == record["pairs"]
        assert _by_id(page, "record-after").is_enabled() == (number < len(data["records"]) - 1)
        if _by_id(page, "record-after").is_enabled():
            _by_id(page, "record-after").click()
    sphere = _by_id(page, "sphere-alice")
    seen = [sphere.get_attribute("data-view")]
    ActionChains(page).move_to_element(sphere).click_and_hold().move_by_offset(40, 10).release().perform()
    screenshot_explore.drawn(page)
    seen.append(sphere.get_attribute("data-view"))
    box = page.execute_script("return arguments[0].getBoundingClientRect().toJSON()", sphere)
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    for kind, moved in (("touchStart", 0), ("touchMove", 30), ("touchMove", 60), ("touchEnd", None)):
        points = [] if moved is None else [{"x": x + moved, "y": y}]
        page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    screenshot_explore.drawn(page)
    seen.append(sphere.get_attribute("data-view"))
    assert len(set(seen)) == 3


def test_plots_answer_to_the_mouse(page):
    from selenium.webdriver import ActionChains

    def press(name):
        screenshot_explore.drawn(page)
        page.execute_script("arguments[0].scrollIntoView({ block: 'center' })", _by_id(page, name))
        ActionChains(page).move_to_element(_by_id(page, name)).click().perform()

    # The middle of each plot, up to its margins. The point that is dragged must not slip away under the mouse.
    top = _by_id(page, "plot-angles").location["y"]
    press("plot-angles")
    assert _by_id(page, "plot-angles").location["y"] == top
    assert float(_by_id(page, "angle").get_attribute("value")) == pytest.approx(90, abs=15)
    assert float(_by_id(page, "V").get_attribute("value")) == pytest.approx(0.85, abs=0.03)
    _by_id(page, "tab-axis").click()
    press("plot-axis")
    assert float(_by_id(page, "V-axis").get_attribute("value")) == pytest.approx(0.5, abs=0.02)
    _by_id(page, "tab-records").click()
    press("plot-ladder")
    assert _by_id(page, "record-choice").get_attribute("value") != "0"


def test_verdicts_on_the_axis_change_where_the_data_say(page):
    _by_id(page, "tab-axis").click()
    data = json.loads(page.execute_script("return document.getElementById('data').textContent"))
    box = page.find_element("css selector", '#part-axis input[type="number"]')
    for V in (0.2, 0.4, 0.6, 0.69, 0.8, 0.86):
        _type(box, str(V))
        answers = {
            item.get_attribute("data-notion"): item.get_attribute("data-value")
            for item in page.find_elements("css selector", "#axis-verdicts li")
        }
        assert answers == {
            n["name"]: "compatible" if n["model"] >= V else "incompatible" if n["broken"] <= V else "open"
            for n in data["notions"]
        }
    assert len(page.find_elements("css selector", "#known tbody tr")) == len(data["known"])


@pytest.mark.parametrize("part", PARTS)
def test_nothing_is_wider_than_a_telephone_and_all_is_drawn(page, part):
    screenshot_explore.emulate(page, 360, 780, 2, phone=True)
    _by_id(page, f"tab-{part}").click()
    screenshot_explore.drawn(page)
    assert page.execute_script("return document.documentElement.scrollWidth") <= 360
    drawn = page.execute_script(
        """return [...document.querySelectorAll(`#part-${arguments[0]} canvas`)].map((canvas) => {
          const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
          return new Set(new Uint32Array(pixels.buffer)).size;
        })""",
        part,
    )
    assert len(drawn) >= 1
    assert min(drawn) > 10


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_fault(page, scheme):
    if not AXE.exists():
        pytest.skip("axe-core is not here: npm install --no-save axe-core")
    screenshot_explore.emulate(page, 1200, 1000, 1, scheme=scheme)
    page.execute_script(AXE.read_text("utf-8"))
    for part in PARTS:
        _by_id(page, f"tab-{part}").click()
        found = page.execute_async_script("axe.run().then(arguments[0])")
        assert len(found["passes"]) > 15
        assert [(fault["id"], fault["impact"], fault["nodes"][0]["html"]) for fault in found["violations"]] == []


def test_the_script_takes_a_picture(browser, tmp_path, monkeypatch):
    monkeypatch.setattr(screenshot_explore, "browser", lambda: browser)
    monkeypatch.setattr(browser, "quit", lambda: None)
    monkeypatch.setattr("sys.argv", ["screenshot_explore.py", "--part", "axis", "--phone", "--out", str(tmp_path)])
    screenshot_explore.main()
    picture = (tmp_path / "explore.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20], "big") == 2 * 390
    assert json.loads((tmp_path / "meta.json").read_text())["browser"].startswith("Chromium ")
