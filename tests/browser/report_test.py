#!/usr/bin/env python3
"""The page of backlight report as people use it. Usage: report_test.py WORK PROGRAM"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import unittest

from browser import Browser, require_browser

WORK, PROGRAM = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2]
SCENES = 60
CLASSES = ['</script><script>alert("class")</script>', '<img src=x onerror=alert(1)>, "b" & c', "{{title}}", "ring",
           "cross", "star", "crescent", "speckled heart", "arrow", "latticed hexagon"]
# Names of files, below the folder of their class.
HOSTILE = [b"<img src=x onerror=alert(2)>.png", b"</script><svg onload=alert(3)>.png", b"'\" onerror='alert(4).png",
           b"no \xff utf-8 \xc3.png", b"{{{js}}}&lt;.png", b"--><!--.png"]


def backlight(*arguments):
    subprocess.run([PROGRAM, *arguments], check=True, stdout=subprocess.DEVNULL)


def make_data():
    """Scenes in folders of their classes; every third lies in the next one's."""
    backlight("scenes", "--count", str(SCENES), "--objects", "1", "--seed", "11", "--out", WORK / "scenes", "-q")
    for i in range(SCENES):
        scene = WORK / "scenes" / f"scene_{i:06}.png"
        index = json.loads(scene.with_suffix(".json").read_text())["objects"][0]["class"]["index"]
        folder = os.fsencode(WORK / "data" / str((index + (i % 3 == 0)) % 10))
        file = os.path.join(folder, HOSTILE[i] if i < len(HOSTILE) else os.fsencode(scene.name))
        os.makedirs(os.path.dirname(file), exist_ok=True)
        shutil.copy(scene, file)
    (WORK / "labels.txt").write_text("\n".join(CLASSES))


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        shutil.rmtree(WORK, ignore_errors=True)
        WORK.mkdir(parents=True)
        make_data()
        report = ("report", WORK / "data", "--model", "backlight_scenes", "--labels", WORK / "labels.txt", "-q")
        backlight(*report, "--only", "all", "--out", WORK / "report")
        backlight(*report, "--limit", "6", "--budget", "0", "--out", WORK / "beside")
        backlight("report", WORK / "scenes", "--model", "backlight_scenes", "--limit", "3", "--only", "all", "-q",
                  "--out", WORK / "boxed")
        cls.report = json.loads((WORK / "report" / "report.json").read_text())
        cls.pictures = sorted(cls.report["pictures"], key=lambda picture: -picture["loss"])
        cls.browser = cls.enterClassContext(Browser(WORK))

    def open(self, fragment="", page="report", **how):
        page = self.browser.open(WORK / page / "report.html", fragment, **how)
        self.addCleanup(lambda: self.assertEqual(page.complaints, []))
        return page

    def names(self, page):
        """Of all cards, scrolled to the end."""
        page.wait("""(() => { scrollTo(0, document.body.scrollHeight);
            return document.querySelector("output").textContent.startsWith(
                document.querySelectorAll(".card").length + " of "); })()""")
        return page.run("[...document.querySelectorAll('.card h3')].map(h => h.textContent)")

    def assert_names(self, page, expected):
        """Waits for it, since the page follows its address a moment later."""
        end = time.monotonic() + 10
        while (found := self.names(page)) != expected and time.monotonic() < end:
            time.sleep(0.02)
        self.assertEqual(found, expected)

    def wait_for_pictures(self, page, card):
        page.run(f"document.querySelector('{card}').scrollIntoView()")
        page.wait(f"[...document.querySelectorAll('{card} > .figures img')]"
                  ".every(image => image.complete && image.naturalWidth == 96)")

    def files(self, fits=lambda picture: True, key=lambda picture: -picture["loss"]):
        return [picture["file"] for picture in sorted(filter(fits, self.pictures), key=key)]

    def test_cards_come_as_they_are_scrolled_to(self):
        page = self.open()
        first = page.run("[...document.querySelectorAll('.card h3')].map(h => h.textContent)")
        self.assertEqual(first, self.files()[:24])
        self.assert_names(page, self.files())
        self.wait_for_pictures(page, ".card:last-child")
        self.assertEqual(len(page.requests), 1)
        for text in (f"{100 * self.report['summary']['top1']['value']:.1f} %", self.report["model"]["weights_sha256"]):
            self.assertIn(text, page.run("document.querySelector('.top').textContent"))
        pictures = page.run("[...document.querySelectorAll('.card')].map(card => [card.classList.contains('wrong'), "
                            "card.querySelectorAll(':scope > .figures img').length])")
        self.assertEqual(pictures, [[not picture["right"], 2 if picture["right"] else 4] for picture in self.pictures])

    def test_a_pair_filters_and_the_back_button_undoes_it(self):
        page = self.open("sort=name")
        pair = self.report["summary"]["confusions"][0]
        true, predicted = pair["true"]["index"], pair["predicted"]["index"]
        fits = lambda picture: (picture["true"]["index"], picture["predicted"]["index"]) == (true, predicted)
        page.click(".pairs a")
        page.wait(f"location.hash == '#sort=name&true={true}&predicted={predicted}'")
        self.assert_names(page, self.files(fits, lambda picture: picture["file"]))
        self.assertEqual(len(self.files(fits)), pair["count"])
        self.assertEqual(page.run("['true', 'predicted'].map(name => document.querySelector(`[name=${name}]`).value)"),
                         [str(true), str(predicted)])
        self.assert_names(self.open(f"true={true}&predicted={predicted}"), self.files(fits))
        page.back()
        page.wait("location.hash == '#sort=name'")
        self.assert_names(page, self.files(key=lambda picture: picture["file"]))
        # The matrix's cells do the same.
        page.click("section:has(.matrix) details:last-of-type > summary")
        page.click(f".matrix .off a[href*='true={true}&predicted={predicted}']")
        page.wait(f"location.hash == '#sort=name&true={true}&predicted={predicted}'")

    def test_sorting(self):
        keys = {"": lambda p: -p["loss"], "margin": lambda p: p["margin"],
                "probability": lambda p: -p["predicted"]["probability"], "name": lambda p: p["file"]}
        page = self.open()
        for name, key in keys.items():
            with self.subTest(name):
                page.run(f"document.querySelector('[name=sort]').value = '{name}'")
                page.run("document.querySelector('[name=sort]').dispatchEvent(new Event('input', {bubbles: true}))")
                page.wait(f"location.hash == '{'#sort=' + name if name else '#all'}'")
                self.assert_names(page, self.files(key=key))
        agreement = {picture["file"]: picture["maps"]["agreement"] for picture in self.pictures}
        for fragment, sign in (("sort=agreement", -1), ("sort=agreement&reverse=1", 1)):
            found = [agreement[name] for name in self.names(self.open(fragment))]
            known = [value for value in found if value is not None]
            self.assertEqual(known, sorted(known, key=lambda value: sign * value))
            self.assertEqual(found[len(known):], [None] * (SCENES - len(known)))

    def test_filters_and_the_text(self):
        page = self.open()
        page.click("[name=show][value=wrong] + span")
        page.wait("location.hash == '#show=wrong'")
        self.assert_names(page, self.files(lambda picture: not picture["right"]))
        page.click("[type=search]")
        page.type("scene_00001")
        page.wait("location.hash == '#show=wrong&text=scene_00001'")
        self.assert_names(page, self.files(lambda p: not p["right"] and "scene_00001" in p["file"]))
        page.type("?")
        page.wait("!document.querySelector('.none').hidden")
        page.back()
        page.wait("location.hash == '#show=wrong'")
        page.click("[type=reset]")
        page.wait("location.hash == '#all'")
        self.assert_names(page, self.files())
        flag = next(flag for picture in self.pictures for flag in picture["flags"])
        self.assert_names(self.open(f"flag={flag}"), self.files(lambda p: flag in p["flags"]))
        self.assert_names(self.open("show=right"), self.files(lambda p: p["right"]))
        of_rings = lambda p: any(CLASSES[p[which]["index"]] == "ring" for which in ("true", "predicted"))
        self.assert_names(self.open("text=RING%20.png&show=x&sort=y&z=1"), self.files(of_rings))
        self.assert_names(self.open("true=none"), [])

    def test_no_name_does_anything(self):
        page = self.open("sort=name")
        names = self.files(key=lambda picture: picture["file"])
        self.assert_names(page, names)
        for name in HOSTILE:
            self.assertTrue(any(name.decode(errors="replace") in shown for shown in names), name)
        for name in CLASSES[0], CLASSES[1].split(",")[0], CLASSES[2]:
            self.assertIn(name, page.run("document.querySelector('.classes').textContent"))
        self.assertEqual(page.run("document.querySelectorAll('img[src=x], svg, [onerror], [onload]').length"), 0)
        self.assertEqual(page.run("[...document.scripts].filter(s => !s.type).length"), 1)
        page.click("[type=search]")
        page.type("<svg onload")
        page.wait("document.querySelectorAll('.card').length == 1")

    def test_without_scripts(self):
        page = self.open(scripts=False)
        page.screenshot(WORK / "without-scripts.png", whole=True)
        html = page.html().split('<script type="text/html"')[0]
        self.assertEqual(html.count('<li class="card '), 24)
        self.assertIn("Without JavaScript the first 24 are shown", html)
        self.assertIn('<form class="tools" hidden', html)
        self.assertEqual(html.count("<img src=\"data:image/jpeg;base64,"), html.count("<img "))

    def test_windows_of_any_width_and_colours(self):
        for width in (320, 500, 900):
            page = self.open(width=width)
            self.names(page)
            self.assertLessEqual(page.run("document.documentElement.scrollWidth"), width)
        colour = "getComputedStyle(document.body).backgroundColor"
        colours = [self.open(dark=dark).run(colour) for dark in (False, True)]
        self.assertEqual(colours, ["rgb(251, 250, 248)", "rgb(22, 21, 19)"])

    def test_by_the_keyboard(self):
        page = self.open()
        seen = []
        while not page.run("document.activeElement.matches('.pairs a')"):
            page.press("Tab")
            seen.append(page.run("document.activeElement.outerHTML"))
            self.assertLess(len(seen), 10, seen)
        page.press("Enter")
        page.wait("location.hash.startsWith('#true=') && document.querySelectorAll('.card').length < 24")
        page.run("document.querySelector('.guided summary').focus()")
        page.press("Enter")
        page.wait("document.querySelector('.guided').open")

    def test_guided_grad_cam_on_demand(self):
        page = self.open("show=wrong")
        self.assertEqual(page.run("document.querySelectorAll('.guided[open]').length"), 0)
        page.click(".guided summary")
        page.wait("[...document.querySelectorAll('.guided[open] img')].filter(i => i.naturalWidth == 96).length == 2")
        page.click("[name=guided]")
        page.wait("location.hash == '#show=wrong&guided=1'")
        page.wait("document.querySelectorAll('.card').length == document.querySelectorAll('.guided[open]').length")

    def test_the_truth_is_listed_among_the_best_or_behind_them(self):
        page = self.open()
        rows = page.run("""[...document.querySelectorAll('.card')].map(card =>
            [...card.querySelectorAll('.scores tr')].map(row =>
                [row.className, row.querySelector('th').title, row.querySelector('td:last-child').textContent]))""")
        for picture, found in zip(self.pictures, rows):
            expected = picture["predictions"] + [picture["true"]] * (picture["true"]["rank"] > 5)
            kinds = ["true" if one["index"] == picture["true"]["index"] else "" if i else "said"
                     for i, one in enumerate(expected)]
            self.assertEqual(found, [[kind, CLASSES[one["index"]], f"{100 * one['probability']:.1f} %"]
                                     for kind, one in zip(kinds, expected)])
        self.assertIn(6, map(len, rows))

    def test_flags_say_how_maps_agree(self):
        for picture in self.pictures:
            agreement = picture["maps"]["agreement"]
            for flag, raised in (("same", agreement is not None and agreement > 0.8),
                                 ("elsewhere", agreement is not None and agreement < 0.2)):
                self.assertEqual(flag in picture["flags"], raised, picture)
            self.assertEqual(agreement is None, picture["right"])

    def test_boxes_lie_where_they_are(self):
        report = json.loads((WORK / "boxed" / "report.json").read_text())
        shown = {picture["file"]: picture for picture in report["pictures"] if picture["maps"]}
        page = self.open(page="boxed")
        cards = page.run("""[...document.querySelectorAll('.card')].map(card => [card.querySelector('h3').textContent,
            ...['truth', 'found'].map(kind => [...card.querySelectorAll('figure:nth-child(2) .' + kind)].map(
                box => ['left', 'top', 'width', 'height'].map(side => parseFloat(box.style[side]) / 100 * 96)))])""")
        self.assertEqual(len(cards), 3)
        for name, truth, found in cards:
            scene = json.loads((WORK / "scenes" / name).with_suffix(".json").read_text())
            located = shown[name]["maps"]["box"]["predicted"]
            for boxes, box in ((truth, scene["objects"][0]["box"]), (found, located)):
                sides = [box["x0"], box["y0"], box["x1"] - box["x0"], box["y1"] - box["y0"]]
                self.assertEqual(len(boxes), 1)
                for side, other in zip(boxes[0], sides):
                    self.assertAlmostEqual(side, other, places=1)

    def test_pictures_beside_the_page(self):
        page = self.open(page="beside")
        page.wait("document.querySelectorAll('.card').length == 6")
        self.wait_for_pictures(page, ".card:first-child")
        self.wait_for_pictures(page, ".card:last-child")
        self.assertEqual({url.split("/beside/")[1].split("/")[0] for url in page.requests},
                         {"report.html", "report_pictures"})


if __name__ == "__main__":
    require_browser()
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
