"""Drawn scenes: that the digit is there, whole and where it should be, and what is around it."""

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mnist_batch.options import Style
from mnist_batch.synthetic.pictures import Canvas, draw_scene
from mnist_batch.synthetic.scenes import BLACK, FEATURES, SCENES, WHITE, Camera, RuledLines, Scene

CLEAN = Scene(200, 200, ink=BLACK, paper=WHITE)
"""Black on white, without anything else."""


def opened(content: bytes) -> Canvas:
    """Decode a file with Pillow as a person looks at it: turned, over white where transparent."""
    with Image.open(io.BytesIO(content)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGBA")
        page = Image.new("RGBA", upright.size, "white")
        return np.asarray(Image.alpha_composite(page, upright).convert("RGB"))


def seen(scene: Scene, digit: int = 3, seed: int = 0) -> NDArray[np.int64]:
    """Return the pixels (height, width, 3) of a picture."""
    return opened(draw_scene(digit, scene, np.random.default_rng(seed)).content).astype(np.int64)


def ink_box(ink: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of the pixels with ink, right and bottom excluded."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def runs(marked: NDArray[np.bool_]) -> list[int]:
    """Return the lengths of the runs of True."""
    edges = np.flatnonzero(np.diff(marked.astype(int), prepend=0, append=0))
    return [int(length) for length in edges[1::2] - edges[::2]]


@pytest.mark.parametrize("style", SCENES)
def test_digits_of_every_style_are_whole_and_visible(style: Style) -> None:
    """Against the same picture with ink of the paper's colour: of its size, inside, in contrast."""
    for seed in range({Style.PAPER: 20, Style.PHOTO: 6, Style.SCREEN: 60}[style]):
        scene = SCENES[style](np.random.default_rng(seed))
        # What loses pixels or adds some would hide the difference.
        camera = replace(scene.camera, noise=0)
        scene = replace(scene, camera=camera, quality=None)
        paper = replace(scene, ink=scene.paper)
        difference = np.abs(seen(scene, seed % 10, seed) - seen(paper, seed % 10, seed)).mean(
            axis=2
        )
        assert difference.max() > 40
        ink = difference > 0.3 * difference.max()
        left, top, right, bottom = ink_box(ink)
        # A wide digit is lower than the scene says, a tilted sheet is seen smaller.
        fits = right - left > 0.7 * scene.width * (scene.page[2] - scene.page[0])
        assert fits or bottom - top > 0.75 * min(scene.figure, 1) * scene.height - 2
        if style is not Style.SCREEN:
            assert not (ink[[0, -1]].any() or ink[:, [0, -1]].any())


def test_same_state_draws_the_same_file() -> None:
    """Byte by byte, and another state another one."""
    scene = SCENES[Style.PAPER](np.random.default_rng(1))
    contents = [draw_scene(5, scene, np.random.default_rng(seed)).content for seed in (1, 1, 2)]
    assert contents[0] == contents[1] != contents[2]


@pytest.mark.parametrize("digit", [-1, 10])
def test_what_is_no_digit_is_refused(digit: int) -> None:
    """A digit outside 0 to 9 is an error that names it."""
    with pytest.raises(ValueError, match=f"digit must be 0 to 9, got {digit}"):
        draw_scene(digit, CLEAN, np.random.default_rng(0))


@pytest.mark.parametrize("name", FEATURES)
def test_features_can_be_drawn(name: str) -> None:
    """Each is a picture of the size that its scene says."""
    scene = FEATURES[name]
    assert seen(scene).shape == (scene.height, scene.width, 3)


@settings(deadline=None, max_examples=40)
@given(
    digit=st.integers(0, 9),
    seed=st.integers(0, 2**32),
    figure=st.floats(0.2, 0.9),
    pen=st.floats(0.03, 0.2),
    place=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_digit_has_its_height_and_place(
    digit: int, seed: int, figure: float, pen: float, place: tuple[float, float]
) -> None:
    """The ink is as high as the scene says, or as wide as there is room, where it says."""
    scene = replace(CLEAN, figure=figure, pen=pen, place=place)
    left, top, right, bottom = ink_box(seen(scene, digit, seed)[:, :, 0] < 128)
    # At the outermost points the pen may be pressed less than elsewhere.
    near = 2.5 + 0.3 * pen * 200 * figure
    assert bottom - top == pytest.approx(200 * figure, abs=near) or right - left > 188 - near
    room = 200 - 2 * 200 * scene.margin
    assert left == pytest.approx(6 + place[0] * (room - (right - left)), abs=near)
    assert top == pytest.approx(6 + place[1] * (room - (bottom - top)), abs=near)


@pytest.mark.parametrize("hard", [False, True])
def test_strokes_are_as_wide_as_the_pen(hard: bool) -> None:
    """An upright stroke cut across, on the average of rows: a tenth of 300 pixels, or a 60th."""
    for pen, width in ((0.1, 30), (1 / 60, 5)):
        scene = Scene(400, 400, figure=0.75, pen=pen, ink=BLACK, paper=WHITE, hard=hard)
        widths = []
        for seed in range(20):
            ink = 1 - seen(scene, 1, seed)[:, :, 0] / 255
            left, top, right, bottom = ink_box(ink > 0.5)
            if right - left < 0.2 * (bottom - top):  # neither flag, foot nor much slant
                widths.append(ink[top + 60 : bottom - 60].sum(axis=1).mean())
        assert len(widths) >= 3
        assert np.mean(widths) == pytest.approx(width, rel=0.07)


def test_hard_edges_have_no_grey() -> None:
    """Every pixel is ink or paper; soft edges have both and more."""
    hard = replace(CLEAN, hard=True)
    assert set(np.unique(seen(hard))) == {0, 255}
    assert len(np.unique(seen(CLEAN))) > 10


def test_strokes_of_one_pixel_are_not_broken() -> None:
    """The ink of a 0 is in one piece, in hard and in soft edges."""
    for hard in (True, False):
        ink = seen(replace(CLEAN, pen=1 / 130, hard=hard), 0)[:, :, 0] < 230
        pieces, _ = cv2.connectedComponents(ink.astype(np.uint8))
        assert pieces == 2  # with the paper
        assert ink.any(axis=1).sum() == pytest.approx(130, abs=3)


def test_palette_holds_all_colours_of_soft_edges() -> None:
    """The file with a palette shows what the one without does."""
    coloured = replace(CLEAN, ink=(0, 0, 255), paper=(255, 255, 0))
    np.testing.assert_array_equal(seen(replace(coloured, mode="P")), seen(coloured))


def test_transparent_ink_is_on_nothing() -> None:
    """All pixels have the ink's colour, and alpha is where the ink is in the picture with paper."""
    scene = replace(CLEAN, ink=(10, 20, 30), mode="RGBA", transparent=True)
    content = draw_scene(3, scene, np.random.default_rng(0)).content
    with Image.open(io.BytesIO(content)) as image:
        assert image.mode == "RGBA"
        pixels = np.asarray(image)
    assert (pixels[:, :, :3] == (10, 20, 30)).all()
    np.testing.assert_allclose(pixels[:, :, 3], 255 - seen(CLEAN)[:, :, 0], atol=1)


def test_grain_takes_ink_away_here_and_there() -> None:
    """The darkest remains, the lightest inside a stroke has lost up to the share."""
    scene = replace(CLEAN, figure=0.9, pen=0.2)
    full, grainy = seen(scene, 1)[:, :, 0], seen(replace(scene, grain=0.4), 1)[:, :, 0]
    inside = full == 0
    assert grainy[inside].min() < 10
    assert 85 < grainy[inside].max() <= 102
    np.testing.assert_array_equal(grainy[full == 255], 255)


@pytest.mark.parametrize("squared", [False, True])
def test_ruled_lines_are_as_far_apart_as_said(squared: bool) -> None:
    """A digit of 200 pixels and a spacing of a quarter: eight lines in 400 pixels."""
    lines = RuledLines(colour=(150, 180, 210), spacing=0.25, squared=squared)
    scene = Scene(400, 400, figure=0.5, pen=0.1, ink=WHITE, paper=WHITE, lines=lines)
    red = seen(scene, 1)[:, :, 0]
    levels = runs(np.median(red, axis=1) < 240)
    assert len(levels) in {8, 9}  # a line may be cut in two by the edges
    assert max(levels) <= 4
    assert len(runs(np.median(red, axis=0) < 240)) in ({8, 9} if squared else {0})


def test_ruled_lines_are_thinner_than_the_pen_and_behind_it() -> None:
    """Where they cross, there is ink."""
    lines = RuledLines(colour=(150, 180, 210), spacing=0.2)
    plain = replace(CLEAN, pen=0.05)
    ink = seen(plain)[:, :, 0] == 0
    ruled = seen(replace(plain, lines=lines))
    assert (ruled[ink] == 0).all()
    assert max(runs(np.median(ruled[:, :, 0], axis=1) < 240)) <= 0.05 * 130


def test_margin_line_is_upright_and_on_the_left() -> None:
    """One line in its colour, in the left third."""
    lines = RuledLines(colour=(200, 200, 200), margin=(250, 100, 100))
    pixels = seen(replace(CLEAN, ink=WHITE, lines=lines))
    columns = np.median(pixels[:, :, 1], axis=0) < 180
    assert len(runs(columns)) == 1
    assert np.flatnonzero(columns).max() < 67


def test_page_ends_where_it_is_said_to() -> None:
    """Paper inside, table outside, and between them the shadow of the sheet."""
    scene = Scene(
        *(600, 400),
        ink=WHITE,
        paper=WHITE,
        page=(0.1, 0.2, 0.9, 0.75),
        table=(100, 60, 20),
    )
    paper = (seen(scene) == 255).all(axis=2)
    assert ink_box(paper) == pytest.approx((60, 80, 540, 300), abs=2)
    assert paper[82:298, 62:538].all()
    table = np.median(seen(scene)[:60].reshape(-1, 3), axis=0)
    np.testing.assert_allclose(table, (100, 60, 20), atol=7)


def test_digit_stays_on_the_page() -> None:
    """Wherever it is placed, also on a tilted one, it is on paper and not over its edge."""
    for place in ((0.0, 0.0), (1.0, 1.0)):
        scene = Scene(
            *(400, 400),
            figure=0.3,
            place=place,
            ink=(255, 0, 0),
            paper=WHITE,
            page=(0.3, 0.3, 0.7, 0.7),
            table=(0, 0, 0),
            camera=Camera(tilt=8, keystone=0.1),
        )
        paper = seen(replace(scene, ink=WHITE)).min(axis=2) == 255
        pixels = seen(scene)
        ink = (pixels[:, :, 0] > 200) & (pixels[:, :, 1] < 100)
        assert ink.any()
        assert paper[ink].all()


def test_tilt_turns_the_sheet_clockwise() -> None:
    """Its right edge leans to the left below, by the tangent of ten degrees."""
    camera = Camera(tilt=10)
    scene = Scene(400, 400, ink=WHITE, paper=WHITE, page=(0, 0, 0.5, 1), camera=camera)
    edge = (seen(scene).min(axis=2) == 255).sum(axis=1)
    assert edge[100] - edge[300] == pytest.approx(200 * np.tan(np.radians(10)), abs=3)


def test_keystone_bends_the_edges_of_the_sheet_apart() -> None:
    """Seen from aside the left and the right edge are no longer parallel; without it they are."""
    page = (0.2, 0, 0.8, 1)
    leanings = []
    for keystone in (0, 0.3):
        camera = Camera(keystone=keystone)
        scene = Scene(400, 400, ink=WHITE, paper=WHITE, page=page, camera=camera)
        width = (seen(scene).min(axis=2) == 255).sum(axis=1)
        leanings.append(abs(width[50] - width[350]))
    assert leanings[0] == 0
    assert leanings[1] > 10


def test_texture_has_its_standard_deviation() -> None:
    """In grey levels, around the paper's colour."""
    scene = Scene(300, 300, ink=(150, 150, 150), paper=(150, 150, 150), texture=6)
    grain = seen(scene)[:, :, 0]
    assert grain.std() == pytest.approx(6, rel=0.1)
    assert grain.mean() == pytest.approx(150, abs=1)
