"""A browser that follows a study on the dashboard, from before it exists until it is done.

    python watching.py URL STUDY

Prints a line when it has looked first, and at the end JSON: what the page showed at each change, what
the console said, and every address asked for.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from command import CHROMIUM
from playwright.sync_api import expect, sync_playwright

PATIENCE = 300_000
"""Milliseconds: the study takes half a minute of a free core."""
OBSERVED = """
  window.seen = [];
  const text = css => [...document.querySelectorAll(css)].map(one => one.textContent.trim());
  const look = () => seen.push({title: document.title, status: text('p.status'), far: text('.far'),
    running: text('.step b'), curves: [...document.querySelectorAll('.curve')].map(
      one => [one.getAttribute('aria-label'), one.querySelector('polyline').points.length]),
    first: text('#so-far .named'), figures: text('#headline .named')});
  document.addEventListener('DOMContentLoaded', () => {
    look();
    new MutationObserver(look).observe(document.querySelector('main'), {childList: true});
  });
"""


def watched(url: str, study: str) -> dict[str, Any]:
    told: list[str] = []
    asked: list[str] = []
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda one: asked.append(one.url))
        page.add_init_script(OBSERVED)
        page.goto(url)
        empty = page.locator("#live").inner_text()
        print("watching", flush=True)  # the run may begin
        page.get_by_role("link", name=study, exact=True).click(timeout=PATIENCE)
        expect(page).to_have_title(f"{study}: done", timeout=PATIENCE)
        expect(page.locator("#headline")).to_be_visible(timeout=PATIENCE)
        seen = page.evaluate("seen")
        drawn = page.locator("#headline img").evaluate_all("all => all.map(one => one.naturalWidth)")
        report = page.get_by_role("link", name="Read the report").get_attribute("href")
        plain = browser.new_page()
        plain.on("console", lambda message: told.append(message.text))
        plain.on("request", lambda one: asked.append(one.url))
        plain.goto(f"{url}{report}")
        title = plain.title()
        browser.close()
    return {"empty": empty, "seen": seen, "drawn": drawn, "report": title, "console": told,
            "asked": sorted(set(asked))}  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(watched(*sys.argv[1:])))
