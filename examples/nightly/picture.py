"""Take the picture of the nights' page that the README shows; Chromium has to be installed.

Run: make nightly-demo && python examples/nightly/picture.py [PAGE.html [OUT.png]]
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import FloatRect, sync_playwright

page = Path(sys.argv[1] if len(sys.argv) > 1 else "build/nightly-demo/runs/index.html")
out = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parent.with_suffix(".png")
browser_path = shutil.which("chromium")
if browser_path is None:
    sys.exit("no chromium on the PATH; install it, as with apt-get install chromium")

with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=browser_path)
    view = browser.new_page(viewport={"width": 1160, "height": 900}, device_scale_factor=2)
    view.goto(page.resolve().as_uri())
    legend = view.locator(".first > .more").bounding_box()  # the last line above the table
    bottom = legend["y"] + legend["height"] + 16 if legend else 900
    area: FloatRect = {"x": 0, "y": 0, "width": 1160, "height": bottom}
    taken = Image.open(io.BytesIO(view.screenshot(full_page=True, clip=area)))
    browser.close()

# Colours are few on the page: 64 of them look the same, in a fourth of the bytes.
taken.convert("RGB").quantize(64, dither=Image.Dither.NONE).save(out, optimize=True)
