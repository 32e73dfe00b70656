"""Labels of the example photos, drawn by hand: what the object is, its outline, and what nobody should judge.

Coordinates are x, y in pixels of the photo. Pixels within BAND of the outline are void, since the outlines
are polygons of a few corners; so are held objects and places where the photo does not say.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Corners = list[tuple[int, int]]

EXAMPLES = Path(__file__).parents[2] / "examples"
BAND = 10
VOID = 255

OBJECTS: dict[str, tuple[str, Corners]] = {
    "astronaut.png": (
        "person",
        [
            *(
                (155, 75),
                (165, 50),
                (185, 35),
                (205, 22),
                (235, 16),
                (262, 22),
                (285, 45),
                (297, 65),
                (301, 85),
            ),
            *((297, 105), (285, 122), (272, 135), (265, 140), (258, 165), (255, 173), (280, 185), (298, 210)),
            *((304, 235), (330, 252), (345, 275), (355, 310), (362, 345), (335, 362), (315, 378), (295, 410)),
            *((280, 445), (278, 475), (278, 512), (45, 512), (28, 480), (20, 430), (22, 390), (27, 330)),
            *((40, 285), (60, 255), (80, 235), (110, 215), (118, 200), (115, 188), (122, 175), (140, 155)),
            *((160, 148), (185, 150), (178, 130), (170, 120), (158, 105), (154, 90)),
        ],
    ),
    "camera.png": (
        "person",
        [
            *(
                (165, 110),
                (170, 95),
                (178, 80),
                (190, 68),
                (203, 63),
                (220, 66),
                (235, 75),
                (250, 88),
                (262, 98),
            ),
            *((270, 110), (270, 125), (258, 131), (252, 140), (254, 165), (247, 178), (240, 185), (240, 205)),
            *((245, 235), (248, 246), (262, 232), (275, 210), (290, 204), (308, 195), (318, 168), (328, 172)),
            *((331, 190), (322, 210), (306, 235), (282, 246), (300, 262), (304, 274), (285, 290), (262, 305)),
            *((245, 312), (225, 305), (207, 294), (190, 320), (160, 358), (142, 382), (148, 430), (150, 470)),
            *(
                (151, 512),
                (138, 512),
                (125, 480),
                (98, 448),
                (95, 480),
                (90, 512),
                (0, 512),
                (0, 258),
                (20, 230),
            ),
            *((40, 205), (55, 180), (70, 150), (90, 135), (130, 123), (150, 106), (160, 105)),
        ],
    ),
    "../tests/photos/grace_hopper.jpg": (
        "person",
        [
            *(
                (175, 85),
                (180, 65),
                (195, 48),
                (218, 40),
                (220, 30),
                (240, 24),
                (265, 23),
                (290, 30),
                (303, 42),
            ),
            *((325, 52), (343, 68), (352, 87), (362, 87), (370, 105), (372, 150), (370, 180), (376, 185)),
            *((374, 205), (366, 235), (358, 268), (360, 285), (350, 302), (335, 308), (340, 318), (370, 340)),
            *((420, 362), (460, 375), (490, 390), (500, 410), (512, 440), (512, 600), (10, 600), (15, 559)),
            *((25, 470), (28, 430), (40, 405), (60, 380), (100, 365), (150, 350), (185, 335), (200, 315)),
            *((195, 300), (170, 285), (162, 270), (160, 240), (155, 215), (152, 195), (155, 180), (150, 160)),
            *((150, 110), (158, 95)),
        ],
    ),
    "chelsea.png": (
        "cat",
        [
            *(
                (38, 0),
                (35, 60),
                (30, 110),
                (20, 120),
                (0, 130),
                (0, 300),
                (290, 300),
                (290, 275),
                (300, 260),
            ),
            *((315, 240), (325, 215), (340, 190), (355, 170), (360, 145), (360, 110), (356, 85), (362, 55)),
            *((380, 25), (398, 0)),
        ],
    ),
}

UNJUDGED: dict[str, list[Corners]] = {
    "astronaut.png": [
        [
            (278, 512),
            (278, 450),
            (295, 410),
            (320, 375),
            (360, 350),
            (400, 342),
            (450, 355),
            (485, 400),
            (510, 512),
        ]
    ],
    "camera.png": [
        [(248, 136), (330, 136), (330, 196), (248, 196)],
        [(280, 190), (312, 190), (312, 330), (280, 330)],
        [(275, 305), (345, 295), (345, 310), (410, 512), (225, 512)],
    ],
    "../tests/photos/grace_hopper.jpg": [],
    "chelsea.png": [
        [(250, 300), (285, 265), (330, 215), (345, 230), (420, 300)],
        [(0, 110), (28, 110), (28, 300), (0, 300)],
    ],
}


def labelled(name: str, object_id: int) -> tuple[Image.Image, npt.NDArray[np.uint8]]:
    """The photo, and its labels (H, W): `object_id`, 0 elsewhere, VOID where nothing is judged."""
    photo = Image.open(EXAMPLES / name).convert("RGB")
    inside = Image.new("L", photo.size)
    ImageDraw.Draw(inside).polygon(OBJECTS[name][1], fill=255)
    size = 2 * BAND + 1
    wide, narrow = inside.filter(ImageFilter.MaxFilter(size)), inside.filter(ImageFilter.MinFilter(size))
    for corners in UNJUDGED[name]:
        ImageDraw.Draw(wide).polygon(corners, fill=255)
        ImageDraw.Draw(narrow).polygon(corners, fill=0)
    labels = np.where(np.asarray(narrow) > 0, object_id, np.where(np.asarray(wide) > 0, VOID, 0))
    return photo, labels.astype(np.uint8)
