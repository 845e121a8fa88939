"""Makes cat_and_espresso.png: chelsea.png above coffee.png, each cut to 448×224.

The montage is square, so that a network's centre crop sees both.

    python3 tests/images/make_montage.py
"""

import pathlib

from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
WIDTH, HEIGHT = 448, 224
FIRST_ROW = {"chelsea.png": 60, "coffee.png": 6}  # of the part kept, once the photograph is WIDTH wide

montage = Image.new("RGB", (WIDTH, HEIGHT * len(FIRST_ROW)))
for i, (name, top) in enumerate(FIRST_ROW.items()):
    photograph = Image.open(HERE / name).convert("RGB")
    whole = photograph.resize((WIDTH, round(photograph.height * WIDTH / photograph.width)), Image.Resampling.LANCZOS)
    montage.paste(whole.crop((0, top, WIDTH, top + HEIGHT)), (0, i * HEIGHT))
montage.save(HERE / "cat_and_espresso.png", optimize=True)
