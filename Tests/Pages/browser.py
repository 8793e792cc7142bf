"""A browser as a person with a keyboard uses it, and what is looked at on each page."""

import pathlib
import time

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

SIZES = {"desktop": (1280, 800, False), "phone": (360, 740, True)}
SCHEMES = ["light", "dark"]

# Contrast of each piece of text with what is painted behind it (WCAG 2.2, 1.4.3), smallest first.
CONTRASTS = """
function parts(colour) {
  const numbers = colour.match(/[\\d.]+/g).map(Number);
  return numbers.length === 3 ? numbers.concat(1) : numbers;
}
function over(top, below) {
  return [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
}
function luminance(colour) {
  const [r, g, b] = colour.slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function background(element) {
  const layers = [];
  for (let e = element; e; e = e.parentElement) layers.push(parts(getComputedStyle(e).backgroundColor));
  const canvas = matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18, 1] : [255, 255, 255, 1];
  return layers.reverse().reduce((below, top) => over(top, below), canvas);
}
function contrast(a, b) {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}
const found = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walk.nextNode()) {
  const text = walk.currentNode.textContent.trim();
  const element = walk.currentNode.parentElement;
  if (!text || !element.checkVisibility()) continue;
  const behind = background(element);
  found.push([contrast(over(parts(getComputedStyle(element).color), behind), behind), text]);
}
for (const input of document.querySelectorAll('input:not([type=hidden]):not([type=checkbox])')) {
  const behind = background(input);
  found.push([contrast(parts(getComputedStyle(input).color), behind), 'text of #' + input.id]);
  // The edge that shows where to write needs 3 (1.4.11).
  const edge = contrast(parts(getComputedStyle(input).borderTopColor), background(input.parentElement));
  found.push([edge >= 3 ? 21 : edge, 'edge of #' + input.id]);
}
return found.sort((a, b) => a[0] - b[0]);
"""

STRUCTURE = """
const all = selector => [...document.querySelectorAll(selector)];
const mistakes = [];
const expect = (holds, what) => { if (!holds) mistakes.push(what); };
expect(document.documentElement.lang === 'en', 'no lang');
expect(document.title.trim().length > 5, 'no title');
expect(all('h1').length === 1, 'not exactly one h1');
expect(all('main').length === 1 && all('body > header').length === 1, 'no landmarks');
expect(all('script, style, [style], iframe, object').length === 0, 'scripts, styles or frames in the page');
const ids = all('[id]').map(e => e.id);
expect(new Set(ids).size === ids.length, 'an id twice');
for (const input of all('input:not([type=hidden])')) {
  expect(input.labels.length === 1 && input.labels[0].textContent.trim(), '#' + input.id + ' has no label');
  expect(input.autocomplete || input.type === 'checkbox', '#' + input.id + ' has no autocomplete');
  for (const id of (input.getAttribute('aria-describedby') || '').split(' ').filter(Boolean))
    expect(document.getElementById(id), '#' + input.id + ' is described by nothing');
  if (input.getAttribute('aria-invalid') === 'true') {
    expect((input.getAttribute('aria-describedby') || '').split(' ').includes('error'), '#' + input.id + ' does not name its error');
    expect(document.activeElement === input, 'the focus is not where the mistake is');
  }
}
for (const error of all('.error')) {
  expect(error.getAttribute('role') === 'alert', 'an error that is not announced');
  expect(document.title.startsWith('Error: '), 'a title that does not tell of the error');
  for (const link of error.querySelectorAll('a')) expect(document.querySelector(link.getAttribute('href')), 'a link to nothing');
}
for (const element of all('a, button, input:not([type=hidden])')) {
  const box = element.getBoundingClientRect();
  // WCAG 2.2, 2.5.8: links within text are exempt, ours stand alone.
  expect(box.height >= 24 || element.type === 'checkbox' && box.height >= 20, 'a target of ' + box.height + ' pixels: ' + element.outerHTML);
}
expect(document.documentElement.scrollWidth <= innerWidth, 'wider than the window');
return mistakes;
"""

FOCUSED = """
const e = document.activeElement;
if (!e || e === document.body) return null;
const style = getComputedStyle(e), box = e.getBoundingClientRect();
const inOrder = [...document.querySelectorAll('a, button, input:not([type=hidden])')];
return { index: inOrder.indexOf(e), count: inOrder.length, top: box.top + scrollY, left: box.left,
         outline: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2, html: e.outerHTML };
"""


class Browser:
    def __init__(self, artefacts: pathlib.Path):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--lang=en", "--force-color-profile=srgb"]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = webdriver.ChromeService(executable_path="/usr/bin/chromedriver")
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_page_load_timeout(60)
        # As if its window were in front; otherwise nothing shows that it has the focus.
        self.driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
        self.artefacts = artefacts
        self.looked_at = 0
        self.resize("desktop")

    def close(self):
        self.driver.quit()

    # What a person does.

    def open(self, url: str):
        self.driver.get(url)

    def type(self, *texts: str):
        """Fills the fields from the focused one on, going from each to the next with Tab, and sends with Enter."""
        if self.driver.execute_script("return document.activeElement.tagName") != "INPUT":
            self.tab_to("input")
        for index, text in enumerate(texts):
            if index:
                self.press(Keys.TAB)
            ActionChains(self.driver).key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).send_keys(text).perform()
        before = self.driver.find_element(By.TAG_NAME, "html")
        self.press(Keys.ENTER)
        self.wait_for_another_page(before)

    def follow(self, text: str):
        """Goes to the link with Tab and opens it with Enter."""
        for _ in range(30):
            self.press(Keys.TAB)
            if self.driver.switch_to.active_element.text == text:
                before = self.driver.find_element(By.TAG_NAME, "html")
                self.press(Keys.ENTER)
                return self.wait_for_another_page(before)
        raise AssertionError(f"no link “{text}” can be reached with Tab")

    def tab_to(self, tag: str):
        for _ in range(30):
            self.press(Keys.TAB)
            if self.driver.switch_to.active_element.tag_name == tag:
                return
        raise AssertionError(f"no {tag} can be reached with Tab")

    def press(self, key: str):
        ActionChains(self.driver).send_keys(key).perform()

    def wait_for_another_page(self, before):
        for _ in range(600):
            try:
                if self.driver.find_element(By.TAG_NAME, "html") != before:
                    if self.driver.execute_script("return document.readyState") == "complete":
                        return
            except Exception as error:  # between two pages there is none
                if "no such element" not in str(error) and "stale" not in str(error):
                    raise
            time.sleep(0.05)
        raise AssertionError("Enter led to no other page")

    @property
    def heading(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "h1").text

    @property
    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "main").text

    # What is looked at.

    def look(self, name: str):
        """All checks of the page that is shown, in each size and scheme, with a picture of each."""
        focused = self.driver.switch_to.active_element
        for size in SIZES:
            self.resize(size)
            for scheme in SCHEMES:
                self.driver.execute_cdp_cmd(
                    "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
                where = f"{name}, {size}, {scheme}"
                mistakes = self.driver.execute_script(STRUCTURE)
                assert not mistakes, f"{where}: {mistakes}"
                contrasts = self.driver.execute_script(CONTRASTS)
                assert contrasts and contrasts[0][0] >= 4.5, f"{where}: {contrasts[0]}"
                self.driver.save_screenshot(str(self.artefacts / f"{name}-{size}-{scheme}.png"))
                self.looked_at += 1
        self.resize("desktop")
        self.check_focus(name)
        self.driver.execute_script("arguments[0].focus()", focused)
        self.check_console(name)

    def check_focus(self, name: str):
        """Tab goes through all that can be used, in the order of reading, and shows where it is."""
        self.driver.execute_script("document.querySelector('a, button, input:not([type=hidden])').focus()")
        # What a script has focused need not show it; what a key has must.
        self.press(Keys.TAB)
        ActionChains(self.driver).key_down(Keys.SHIFT).send_keys(Keys.TAB).key_up(Keys.SHIFT).perform()
        seen = []
        for _ in range(40):
            focused = self.driver.execute_script(FOCUSED)
            if focused is None or seen and focused["index"] <= seen[-1]["index"]:
                break
            seen.append(focused)
            assert focused["outline"], f"{name}: no focus to be seen at {focused['html']}"
            self.press(Keys.TAB)
        assert [f["index"] for f in seen] == list(range(seen[0]["count"])), f"{name}: Tab goes {[f['html'] for f in seen]}"
        places = [(f["top"], f["left"]) for f in seen]
        assert places == sorted(places), f"{name}: the order of the focus is not that of reading"

    def check_console(self, name: str, allowed: str | None = None):
        """No error, and no violation of the policy, which the browser would report there."""
        entries = [
            e for e in self.driver.get_log("browser")
            # A recommendation is neither: a form for a new password cannot name the account without telling of the key.
            if e["source"] != "recommendation" and not (allowed and allowed in e["message"])
        ]
        assert not entries, f"{name}: the console says {entries}"

    def resize(self, size: str):
        width, height, mobile = SIZES[size]
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 2 if mobile else 1, "mobile": mobile})
