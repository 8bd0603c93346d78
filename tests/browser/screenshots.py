"""Pictures of the page for the docs: `python -m tests.browser.screenshots URL [FOLDER]`, at a server with MovieLens.

A server: `make demo`, or `marquee serve --store ...`. Writes the pictures of SHOTS.
"""

import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM

MOST_BYTES = 150_000
FILMS = "#films=5618,1,260"  # Spirited Away, Toy Story, Star Wars
# Name, width, height, colours, address.
SHOTS = (
    ("page-films.png", 1060, 830, "light", f"/{FILMS}"),
    ("page-phone.png", 360, 740, "dark", f"/{FILMS}&without=Horror"),
    ("page-together.png", 360, 690, "light", f"/{FILMS}&people=3&films2=296,50&name2=Ann&films3=364&name3=Bo&who=2"),
    ("page-operator.png", 1000, 780, "light", f"/{FILMS}&tab=operator"),
)


def main(url: str, folder: Path) -> None:
    """Take them all.

    Args:
        url: Where the page is.
        folder: Where the pictures go.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, width, height, scheme, address in SHOTS:
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.goto(url + address)
            page.locator("#films > li:not(.skeleton)").first.wait_for(state="attached")
            if "operator" in name:
                page.locator("#request").scroll_into_view_if_needed()
                page.wait_for_selector("#request .picture svg")
                page.evaluate("document.getElementById('request').scrollIntoView()")
            else:
                page.wait_for_load_state("networkidle")
            if width == 360:
                page.evaluate("document.getElementById('results').scrollIntoView({ behavior: 'instant' })")
            picture = with_few_colours(page.screenshot())
            if len(picture) > MOST_BYTES:
                sys.exit(f"{name} has {len(picture)} bytes, more than {MOST_BYTES}: make SHOTS smaller")
            (folder / name).write_bytes(picture)
            page.close()
        browser.close()


def with_few_colours(picture: bytes) -> bytes:
    """The PNG with 256 colours, which is a third of the bytes; dithering would show on the posters."""
    smaller = io.BytesIO()
    few = Image.open(io.BytesIO(picture)).convert("RGB").quantize(256, kmeans=3, dither=Image.Dither.NONE)
    few.save(smaller, "PNG", optimize=True)
    return smaller.getvalue()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("which server? for instance: python -m tests.browser.screenshots http://127.0.0.1:8080 docs")
    main(sys.argv[1].rstrip("/"), Path(sys.argv[2] if len(sys.argv) > 2 else "docs"))
