"""pycocotools' pixels of polygons and of runs: masks.safetensors."""

import numpy as np
from pycocotools import mask

from common import Golden, fill

HEIGHT, WIDTH = 17, 24
golden = Golden("masks")
for case, corners in (("triangle", 3), ("star", 9)):
    # Corners in and on the picture, in single precision as the test has them.
    points = fill(f"masks.{case}", (corners, 2), 0, 1) * np.float32([WIDTH, HEIGHT])
    runs = mask.frPyObjects([points.astype(float).ravel().tolist()], HEIGHT, WIDTH)[0]
    golden.add(case, mask.decode(runs))
    if case == "star":
        print("compressed:", runs["counts"].decode())
square = [2, 3, 2, 9, 8, 9, 8, 3]
hole = [0.5, 0.5, 23.5, 0.5, 23.5, 16.5, 0.5, 16.5]
runs = mask.merge(mask.frPyObjects([square, hole], HEIGHT, WIDTH))
golden.add("joined", mask.decode(runs))
golden.save()
