#!/usr/bin/env python3
"""The pages of `backlight study` from the first click to what answers come to. Usage: study_test.py WORK BACKLIGHT"""

import csv
import json
import pathlib
import shutil
import subprocess
import sys
import time
import unittest

from browser import Browser, require_browser

WORK = pathlib.Path(sys.argv.pop(1)).resolve()
PROGRAM = pathlib.Path(sys.argv.pop(1)).resolve()

COLUMNS = ["study", "schema_version", "participant", "list", "item", "order", "answer", "rt_ms", "page_hash",
           "window_width", "window_height", "pixel_ratio"]


def backlight(*arguments, code=0):
    run = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, cwd=WORK)
    assert run.returncode == code, run.stderr
    return run.stdout


class Study(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shutil.rmtree(WORK, ignore_errors=True)
        WORK.mkdir(parents=True)
        backlight("train", "-q", "--steps", 1, "--batch", 2, "--evaluate", 1, "--out", "weak.safetensors")
        backlight("study", "make", "discrimination", "--items", 32, "--limit", 60, "--out", "discrimination")
        backlight("study", "make", "trust", "--model", "backlight_scenes", "--weights", "weak.safetensors",
                  "--items", 3, "--limit", 80, "--out", "trust")
        cls.browser = cls.enterClassContext(Browser(WORK))

    def key(self, study):
        key = json.loads((WORK / study / "key.json").read_text())
        return key, {item["code"]: item for item in key["items"]}, {p["participant"]: p["order"] for p in key["people"]}

    def open(self, study, number, lists, **how):
        page = self.browser.open(WORK / study / "pages" / f"list-{number % lists}.html", **how)
        self.assertTrue(page.run("document.activeElement.id == 'code' && !document.querySelector('#start').hidden"))
        return page

    def begin(self, page, number):
        page.run("document.querySelector('#code').value = ''")
        page.type(str(number))
        page.press("Enter")

    def question(self, page):
        """Waits until it can be answered; what it shows and offers."""
        page.wait("!document.querySelector('#question').hidden && !!document.querySelector('#answers button')")
        page.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return page.run("""({images: [...document.querySelectorAll('#images img')].map(i => i.src),
                            count: document.querySelector('#count').textContent,
                            labels: [...document.querySelectorAll('#answers button')].map(
                                button => button.lastChild.textContent)})""")

    def title(self, page):
        page.wait("!document.querySelector('#pause').hidden")
        return page.run("document.querySelector('#pause-title').textContent")

    def practise(self, page, keys):
        page.wait("!document.querySelector('#instructions').hidden")
        page.press("Enter")
        said = []
        for key in keys:
            self.question(page)
            page.press(key)
            said.append(page.wait("document.querySelector('#feedback').textContent"))
            page.press("Enter")
        self.assertEqual(self.title(page), "Ready")
        page.click("#pause .next")
        return said

    def save(self, page, kind):
        before = set(self.browser.downloads.iterdir())
        page.click(f".save-{kind}")
        end = time.monotonic() + 10
        while not (new := [f for f in set(self.browser.downloads.iterdir()) - before if f.suffix == "." + kind]):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)
        return new[0]

    def test_a_person_answers_from_the_first_click_to_the_analysis(self):
        key, items, orders = self.key("discrimination")
        page = self.open("discrimination", 3, 8)
        page.screenshot(WORK / "start.png")
        self.assertIn("36 questions, about 7 minutes, with a break after every 30.",
                      page.run("document.querySelector('#start').textContent"))
        note = "document.querySelector('#code-note').textContent"
        for wrong in ("", "Ada Lovelace", "4"):
            self.begin(page, wrong)
            page.wait(f"{note}.includes('one of 3, 11, 19') || {note}.includes('participants 3, 11, 19')")
            self.assertFalse(page.run("document.querySelector('#start').hidden"), "no number of this page")
        self.begin(page, 3)
        said = self.practise(page, "11")
        self.assertRegex(said[0], "^(Right|Not quite). It shows what speaks for: ")
        order = orders[3]
        for index, code in enumerate(order):
            if index == 10:  # closed in the middle and opened again
                page = self.open("discrimination", 3, 8)
                self.assertIn("3 has answered 10 of 36", page.run(note))
                page.press("Enter")
                self.assertEqual(self.title(page), "Welcome back")
                page.press("Enter")
            if index == 30:
                self.assertEqual(self.title(page), "Time for a break")
                page.screenshot(WORK / "break.png")
                part = self.save(page, "csv").rename(WORK / "part.csv")
                self.assertEqual(len(part.read_text().splitlines()), 31)
                page.click("#pause .next")
            shown, item = self.question(page), items[code]
            self.assertEqual(shown["count"], f"{index + 1} of 36")
            self.assertEqual(shown["labels"][item["correct_side"] - 1], item["class"])
            if item["check"]:
                page.screenshot(WORK / "check.png")
            if index == 0:
                page.screenshot(WORK / "question.png")
                page.click("#stop")
                self.assertEqual(self.title(page), "Stopped")
                page.press("1")  # answers nothing
                page.press("Enter")
                self.question(page)
                page.press("3")  # no answer
                time.sleep(0.6)
            if index % 2:
                page.click(f"#answers button:nth-child({item['correct_side']})")
            else:
                page.press(str(item["correct_side"]))
        self.assertEqual(self.title(page), "Thank you")
        self.assertFalse(page.run("document.querySelector('#pause .next').checkVisibility()"))
        page.screenshot(WORK / "end.png")
        saved, table = self.save(page, "json"), self.save(page, "csv")
        self.assertEqual(saved.name, f"answers-{key['study']}-participant-3.json")
        self.assertEqual(page.run("document.querySelector('textarea').value"), saved.read_text())
        records = json.loads(saved.read_text())["records"]
        self.assertEqual([record["item"] for record in records], order)
        self.assertEqual([list(record) for record in records], [COLUMNS] * 36)
        self.assertGreaterEqual(records[0]["rt_ms"], 600)
        self.assertEqual(records[0]["window_width"], 1200)
        with open(table, newline="") as file:
            self.assertEqual(list(csv.DictReader(file)), [{k: str(v) for k, v in r.items()} for r in records])
        self.assertEqual(page.complaints, [])
        self.assertEqual({url.split("#")[0] for url in page.requests},
                         {(WORK / "discrimination/pages/list-3.html").as_uri()}, "nothing is asked for")

        found = json.loads(backlight("study", "analyse", saved, part, table, "--key", "discrimination/key.json",
                                     "--draws", 200, "--json"))
        self.assertEqual(found["problems"], [])
        self.assertEqual((found["all"]["ratings"], found["people"][0]["failed_checks"]), (32, 0))
        self.assertEqual([t["share"] for t in found["all"]["techniques"]], [1] * 4)

        # Another person at the same computer begins anew; the first finds their answers.
        page = self.open("discrimination", 11, 8)
        self.begin(page, 11)
        page.wait("!document.querySelector('#instructions').hidden")
        page = self.open("discrimination", 3, 8)
        self.begin(page, 3)
        self.assertEqual(self.title(page), "Thank you")

    def test_trust_by_keys_with_their_signs(self):
        _, items, orders = self.key("trust")
        page = self.open("trust", 2, 4)
        self.begin(page, 2)
        practice = json.loads(page.run("document.querySelector('#study').textContent"))["practice"]
        said = self.practise(page, "10")
        self.assertEqual(said[0].startswith("Right."), practice[0]["accept"] == [1, 2])
        self.assertEqual(said[1], "Right. " + practice[1]["why"])
        order = orders[2]
        for code in order:
            shown, item = self.question(page), items[code]
            self.assertEqual(len(shown["images"]), 2)
            said = page.run("document.querySelector('#said').textContent")
            self.assertEqual(said, f"Both programs said: {item['class']}")
            page.screenshot(WORK / ("trust_check.png" if item["check"] else "trust.png"))
            if item["correct_side"] == 1:
                page.press("-")
            page.press("2")
        self.assertEqual(self.title(page), "Thank you")
        saved = self.save(page, "json")
        self.assertEqual(page.complaints, [])
        found = json.loads(backlight("study", "analyse", saved, "--key", "trust/key.json", "--draws", 100, "--out",
                                     "trust-found", "--json"))
        means = [t["mean"] for t in found["all"]["techniques"] if t["ratings"]]
        self.assertEqual(means, [2] * len(means))

    def test_where_the_browser_keeps_nothing_it_says_so_and_goes_on(self):
        no_storage = "Object.defineProperty(window, 'localStorage', {get() { throw Error('not for files') }})"
        for number, source in ((5, no_storage), (13, "Storage.prototype.setItem = () => { throw Error('full') }")):
            page = self.open("discrimination", number, 8)
            page.send("Page.addScriptToEvaluateOnNewDocument", source=source)
            page.go((WORK / "discrimination/pages/list-5.html").as_uri())
            self.begin(page, number)
            self.practise(page, "12")
            self.question(page)
            page.press("1")
            self.question(page)
            page.click("#stop")
            self.assertEqual(self.title(page), "Stopped")
            self.assertIn("keeps nothing", page.run("document.querySelector('#kept').textContent"))
            self.assertEqual(len(json.loads(self.save(page, "json").read_text())["records"]), 1)
            self.assertEqual(page.complaints, [])

    def test_a_narrow_window_and_no_scripts(self):
        page = self.open("trust", 1, 4, width=390, phone=True)
        self.begin(page, 1)
        self.practise(page, "00")
        self.question(page)
        self.assertLessEqual(page.run("document.documentElement.scrollWidth"), 390)
        page.screenshot(WORK / "narrow.png")
        page = self.browser.open(WORK / "trust/pages/list-1.html", scripts=False)
        self.assertIn("needs JavaScript", page.html())


if __name__ == "__main__":
    require_browser()
    unittest.main()
