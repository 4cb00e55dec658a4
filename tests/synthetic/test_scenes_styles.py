"""Scenes drawn by chance: what each style varies, and within which bounds."""

from collections.abc import Callable

import numpy as np
import pytest

from mnist_batch.options import Style
from mnist_batch.synthetic.scenes import BLACK, RGB, SCENES, WHITE, Camera, Light, Scene

SEEDS = range(1000)


def drawn(style: Style, seed: int) -> Scene:
    """Return the scene of a style that a seed draws."""
    return SCENES[style](np.random.default_rng(seed))


def grey(colour: RGB) -> float:
    """Return a colour's grey level as Pillow's `convert("L")` weighs it."""
    return (299 * colour[0] + 587 * colour[1] + 114 * colour[2]) / 1000


def test_every_style_but_mnist_has_scenes() -> None:
    """MNIST's form is drawn otherwise."""
    assert set(SCENES) == set(Style) - {Style.MNIST}


@pytest.mark.parametrize("style", SCENES)
def test_same_seed_draws_the_same_scene(style: Style) -> None:
    """And another seed another one."""
    assert drawn(style, 1) == drawn(style, 1)
    assert drawn(style, 1) != drawn(style, 2)


def test_paper_is_small_and_its_ink_dark() -> None:
    """60 to 400 pixels a side, the digit 30 to 90 % of the height and never below 24 pixels."""
    for scene in (drawn(Style.PAPER, seed) for seed in SEEDS):
        assert 60 <= min(scene.width, scene.height) <= max(scene.width, scene.height) <= 400
        assert 0.3 <= scene.figure <= 0.9
        assert scene.figure * scene.height >= 24 - 1e-9
        assert scene.pen * scene.figure * scene.height >= 1.5 - 1e-9
        assert grey(scene.paper) - grey(scene.ink) > 60
        assert scene.page == (0, 0, 1, 1)


def test_photo_is_large_and_a_jpeg_file() -> None:
    """1.2 megapixels and more, the digit 15 to 60 % of the height, quality 60 to 90."""
    for scene in (drawn(Style.PHOTO, seed) for seed in SEEDS):
        assert scene.width * scene.height >= 1280 * 960
        assert 0.15 <= scene.figure <= 0.6
        assert scene.pen * scene.figure * scene.height >= 5 - 1e-9
        assert scene.quality is not None
        assert 60 <= scene.quality <= 90
        assert grey(scene.paper) - grey(scene.ink) > 60
        assert scene.camera.blur > 0
        assert scene.camera.noise >= 1


def test_screen_has_neither_light_nor_noise_and_enough_contrast() -> None:
    """20x20 to 1152x648 pixels of PNG; the digit is at least 15 high, its strokes 1 wide."""
    for scene in (drawn(Style.SCREEN, seed) for seed in SEEDS):
        assert (scene.light, scene.camera) == (Light(), Camera())
        assert (scene.lines, scene.texture, scene.grain, scene.quality) == (None, 0, 0, None)
        assert min(scene.width, scene.height) >= 20
        assert scene.width <= 1152
        assert scene.height <= 800
        figure = min(scene.figure, 1) * scene.height
        assert figure >= 15 - 1e-9
        assert scene.pen * figure >= 1 - 1e-9
        assert abs(grey(scene.paper) - grey(scene.ink)) >= 100
        if scene.transparent:
            assert (scene.mode, scene.paper) == ("RGBA", WHITE)


KINDS: dict[Style, dict[str, Callable[[Scene], bool]]] = {
    Style.PAPER: {
        "not square": lambda scene: scene.width != scene.height,
        "coloured": lambda scene: max(scene.paper) - min(scene.paper) > 60,
        "textured": lambda scene: scene.texture >= 3,
        "lined": lambda scene: scene.lines is not None and not scene.lines.squared,
        "squared": lambda scene: scene.lines is not None and scene.lines.squared,
        "with a margin": lambda scene: scene.lines is not None and scene.lines.margin is not None,
        "pencil": lambda scene: scene.grain > 0.2,
        "blue ink": lambda scene: scene.ink[2] > scene.ink[0] + 50,
        "red ink": lambda scene: scene.ink[0] > scene.ink[2] + 80,
        "thin": lambda scene: scene.pen < 0.05,
        "thick": lambda scene: scene.pen > 0.15,
        "in shadow": lambda scene: scene.light.shadow > 0,
        "grey scan": lambda scene: scene.mode == "L",
        "PNG": lambda scene: scene.quality is None,
        "JPEG": lambda scene: scene.quality is not None,
    },
    Style.PHOTO: {
        "in shadow": lambda scene: scene.light.shadow > 0,
        "without shadow": lambda scene: scene.light.shadow == 0,
        "ruled": lambda scene: scene.lines is not None,
        "table left": lambda scene: scene.page[0] > 0,
        "table above": lambda scene: scene.page[1] > 0,
        "table right": lambda scene: scene.page[2] < 1,
        "table below": lambda scene: scene.page[3] < 1,
        "no table": lambda scene: scene.page == (0, 0, 1, 1),
        "upright": lambda scene: scene.orientation == 1,
        "upside down": lambda scene: scene.orientation == 3,
        "turned": lambda scene: scene.orientation == 6,
        "turned the other way": lambda scene: scene.orientation == 8,
        "small digit": lambda scene: scene.figure < 0.2,
        "large digit": lambda scene: scene.figure > 0.5,
        "3 megapixels": lambda scene: scene.width * scene.height > 3e6,
    },
    Style.SCREEN: {
        "black on white": lambda scene: (scene.ink, scene.paper) == (BLACK, WHITE),
        "white on black": lambda scene: (scene.ink, scene.paper) == (WHITE, BLACK),
        "coloured": lambda scene: not {scene.ink, scene.paper} & {BLACK, WHITE},
        "light on dark": lambda scene: grey(scene.ink) > grey(scene.paper),
        "transparent": lambda scene: scene.transparent,
        "palette": lambda scene: scene.mode == "P",
        "grey": lambda scene: scene.mode == "L",
        "opaque alpha": lambda scene: scene.mode == "RGBA" and not scene.transparent,
        "hard edges": lambda scene: scene.hard,
        "soft edges": lambda scene: not scene.hard,
        "20x20": lambda scene: (scene.width, scene.height) == (20, 20),
        "1152x648": lambda scene: (scene.width, scene.height) == (1152, 648),
        "full": lambda scene: scene.figure >= 1 and scene.margin == 0,
        "in a corner": lambda scene: scene.place in {(0, 0), (0, 1), (1, 0), (1, 1)},
        "hair-thin": lambda scene: scene.pen < 0.02,
        "very thick": lambda scene: scene.pen > 0.18,
    },
}


@pytest.mark.parametrize(
    ("style", "kind"), [(style, kind) for style, kinds in KINDS.items() for kind in kinds]
)
def test_style_has_pictures_of_the_kind(style: Style, kind: str) -> None:
    """Among 500 scenes there are some, and most are otherwise in one way or another."""
    count = sum(KINDS[style][kind](drawn(style, seed)) for seed in range(500))
    assert 2 <= count < 500
