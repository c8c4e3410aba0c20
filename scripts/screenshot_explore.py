"""A picture of the interactive page, taken by Chromium without a display.

    python scripts/screenshot_explore.py [--dark] [--phone] [--part pair|records|axis] [--out DIR]

Writes results/explore unless another folder is named: explore.png, meta.json. Needs Chromium with its driver (on
Debian: apt-get install chromium chromium-driver) and Selenium, which is in the extra `test`.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
from pathlib import Path
from typing import Any

import common

from jaxleggett.output.explore import write_page

FOLDER = common.RESULTS / "explore"

LAST = {"pair": ".two", "records": "#part-records", "axis": "#part-axis"}
"""What the picture of each part ends with."""


def browser() -> Any:
    """A session of Chromium that shows no window. Raises LookupError where it, or its driver, is not installed."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    program = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        raise LookupError("no Chromium with chromedriver here: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    # Containers have neither users for its sandbox nor much shared memory, and pictures are the same on any machine.
    for switch in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(driver))


def emulate(session: Any, width: int, height: int, scale: float, *, phone: bool = False, scheme: str = "light") -> None:
    """Show pages as on a screen of this size in CSS pixels, on a telephone or not, in the light or in the dark."""
    size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": phone}
    session.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    session.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def drawn(session: Any) -> None:
    """Wait until what was asked for is drawn."""
    session.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")


def main() -> None:
    """Write the page to a folder that is removed again, look at it, and write the picture."""
    parser = common.parser(__doc__)
    parser.add_argument("--dark", action="store_true", help="with dark colours")
    parser.add_argument("--phone", action="store_true", help="as on a telephone")
    parser.add_argument("--part", choices=LAST, default="pair", help="the part of the page that is shown [pair]")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder instead of results/explore")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_page(Path(folder), common.command())
        session = browser()
        try:
            width, height = (390, 844) if asked.phone else (1160, 1000)
            scheme = "dark" if asked.dark else "light"
            emulate(session, width, height, 2 if asked.phone else 1.5, phone=asked.phone, scheme=scheme)
            session.get(f"{(Path(folder) / 'index.html').as_uri()}#{asked.part}")
            drawn(session)
            bottom = session.execute_script(
                "return document.querySelector(arguments[0]).getBoundingClientRect().bottom", LAST[asked.part]
            )
            clip = {"x": 0, "y": 0, "width": width, "height": bottom + 16, "scale": 1}
            shot = session.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
            seen = session.capabilities["browserVersion"]
        finally:
            session.quit()
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "explore.png").write_bytes(base64.b64decode(shot["data"]))
    common.write_meta(asked.out, browser=f"Chromium {seen}")


if __name__ == "__main__":
    common.leave(main)
