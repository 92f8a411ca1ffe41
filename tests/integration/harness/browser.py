"""Chromium, looking at the console: clicks, reads, and tells what the page's console complained about."""

import base64
import importlib.resources
import json
import os
from collections.abc import Callable
from pathlib import Path

from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    InvalidElementStateException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from .paths import REPOSITORY
from .wait import wait_for

SCREENSHOTS = REPOSITORY / "build" / "tests" / "results" / "screenshots"
DESKTOP, NARROW = (1360, 900), (360, 740)

# Not there, drawn anew just now, in a dialog that is about to be shown, or under one that is about to go.
_NOT_YET = (
    ElementClickInterceptedException,
    InvalidElementStateException,
    NoSuchElementException,
    StaleElementReferenceException,
)

_AXE = importlib.resources.files("selenium_axe_python") / "axe-core" / "axe.min.js"
_FIND_BUTTON = """
const [name, root] = arguments;
const all = [...(root ?? document).querySelectorAll('button, a, summary')];
const named = one => (one.getAttribute('aria-label') ?? one.innerText).trim();
return all.filter(one => one.checkVisibility()).find(one => named(one) === name)
    ?? all.filter(one => one.checkVisibility()).find(one => named(one).startsWith(name)) ?? null;
"""


class Browser:
    def __init__(self, downloads: Path):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ("--headless=new", "--disable-gpu", "--lang=en-GB", "--disable-dev-shm-usage"):
            options.add_argument(argument)
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.look()

    def close(self) -> None:
        self.driver.quit()

    def look(self, theme: str = "light", size: tuple[int, int] = DESKTOP) -> None:
        """From now on, with such a screen, and the system's colours being these."""
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        feature = {"name": "prefers-color-scheme", "value": theme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def new_tab(self, url: str) -> None:
        """Instead of the one there was: sessionStorage is empty."""
        old = self.driver.current_window_handle
        self.driver.switch_to.new_window("tab")
        new = self.driver.current_window_handle
        self.driver.switch_to.window(old)
        self.driver.close()
        self.driver.switch_to.window(new)
        self.look()
        self.driver.get(url)

    def go(self, view: str) -> None:
        """A view of the console, by its hash."""
        self.driver.execute_script("location.hash = arguments[0]", view)

    # --- reading ---

    def text(self, selector: str = "main") -> str:
        """What is to be read there now; "" when there is no such element."""
        try:
            return self.driver.find_element(By.CSS_SELECTOR, selector).text
        except (NoSuchElementException, StaleElementReferenceException):
            return ""

    def texts(self, selector: str) -> list[str]:
        return self.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map(one => one.innerText)", selector
        )

    def wait_text(self, *expected: str, selector: str = "main") -> str:
        """Waits until all of it is to be read there, and returns what is."""

        def probe() -> str | None:
            text = self.text(selector)
            return text if all(part in text for part in expected) else None

        return wait_for(probe, lambda: f"{expected} in {selector}: {self.text(selector)!r}")

    def wait_without(self, unexpected: str, selector: str = "main") -> None:
        wait_for(
            lambda: unexpected not in self.text(selector),
            lambda: f"no {unexpected!r}: {self.text(selector)!r}",
        )

    def script(self, source: str, *arguments: object) -> object:
        return self.driver.execute_script(source, *arguments)

    # --- doing ---

    def _do(self, act: Callable[[], object], what: str) -> None:
        """Once it is possible; False: it is not yet."""

        def probe() -> bool:
            try:
                return act() is not False
            except _NOT_YET:
                return False

        wait_for(probe, what)

    def click(self, name: str, within: str | None = None) -> None:
        """A button or a link by its name, once it is there and can be pressed."""

        def act() -> bool:
            root = self.driver.find_element(By.CSS_SELECTOR, within) if within else None
            element = self.driver.execute_script(_FIND_BUTTON, name, root)
            if element is None or not element.is_enabled():
                return False
            element.click()
            return True

        self._do(act, f"{name!r} to be pressed")

    def fill(self, identifier: str, value: str) -> None:
        def act() -> None:
            element = self.driver.find_element(By.ID, identifier)
            element.clear()
            element.send_keys(value)

        self._do(act, f"the field {identifier} to be filled in")

    def press(self, key: str) -> None:
        """A key by its name in selenium, for whatever has the focus."""
        ActionChains(self.driver).send_keys(getattr(Keys, key)).perform()

    def choose(self, value: str) -> None:
        """A radio button by its value."""
        selector = f'input[type="radio"][value="{value}"]'
        self._do(lambda: self.driver.find_element(By.CSS_SELECTOR, selector).click(), f"{value} to be chosen")

    # --- judging ---

    def complaints(self) -> list[str]:
        """Warnings and errors in the console since the last call; violations of the policy are among them."""
        entries = self.driver.get_log("browser")
        return [entry["message"] for entry in entries if entry["level"] in ("WARNING", "SEVERE")]

    def screenshot(self, name: str) -> None:
        """The whole page, for people to look at."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        width, height = self.script(
            "return [innerWidth, Math.max(innerHeight, document.documentElement.scrollHeight)]"
        )
        clip = {"x": 0, "y": 0, "width": width, "height": min(height, 3000), "scale": 1}
        shot = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
        )
        (SCREENSHOTS / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))

    def check_accessible(self, what: str) -> None:
        """axe-core finds nothing serious, and nothing reaches out of the screen to the side."""
        if not self.script("return typeof axe === 'object'"):
            self.script(_AXE.read_text())
        violations = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run().then(found => done(found.violations), e => done(String(e)))"
        )
        assert isinstance(violations, list), violations
        bad = [
            {"id": one["id"], "help": one["help"], "nodes": [node["html"] for node in one["nodes"]][:3]}
            for one in violations
            if one["impact"] in ("serious", "critical")
        ]
        assert not bad, f"{what}: {json.dumps(bad, indent=1)}"
        wide = self.script("return document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{what}: {wide} pixels too wide"
