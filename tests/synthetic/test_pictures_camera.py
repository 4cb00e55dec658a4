"""Light, lens, sensor and file: each does what its number says."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from mnist_batch.synthetic.pictures import Canvas, encoded, photographed
from mnist_batch.synthetic.scenes import Camera, Light, Scene

SCENE = Scene(160, 120)
GREY: Canvas = np.full((120, 160, 3), 200, np.uint8)


def lit(light: Light, seed: int = 0) -> Canvas:
    """Return a grey sheet of 200 in a light."""
    return photographed(GREY.copy(), replace(SCENE, light=light), np.random.default_rng(seed))


def shot(canvas: Canvas, camera: Camera) -> Canvas:
    """Return what a camera makes of a sheet in even light."""
    return photographed(canvas.copy(), replace(SCENE, camera=camera), np.random.default_rng(0))


def test_even_light_and_a_perfect_camera_change_nothing() -> None:
    """Not one pixel, of any value."""
    canvas = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    np.testing.assert_array_equal(shot(canvas, Camera()), canvas)


def test_exposure_is_a_share() -> None:
    """Half the light, half the value."""
    np.testing.assert_allclose(lit(Light(exposure=0.5)), 100, atol=1)


def test_warm_light_is_red_and_cold_light_is_blue() -> None:
    """In the order of the channels: red, green, blue."""
    warm, cold = lit(Light(warmth=1))[0, 0].tolist(), lit(Light(warmth=-1))[0, 0].tolist()
    assert warm[0] > warm[1] > warm[2]
    assert cold[0] < cold[1] < cold[2]


def test_falloff_is_lost_from_one_side_to_the_other() -> None:
    """Brightness changes all the way, by the share or, along a diagonal, up to 1.5 times it."""
    for seed in range(20):
        light = lit(Light(falloff=0.3), seed).astype(float)
        lost = (light.max() - light.min()) / 200
        assert 0.28 < lost < 0.45


def test_vignette_takes_its_share_from_the_corners() -> None:
    """The middle keeps all."""
    light = lit(Light(vignette=0.4))
    assert light[60, 80, 0] == pytest.approx(200, abs=2)
    for corner in light[[0, 0, -1, -1], [0, -1, 0, -1], 0]:
        assert corner == pytest.approx(120, abs=3)


def test_shadow_takes_its_share_where_it_lies() -> None:
    """Never more, in part of the picture, and elsewhere in another picture."""
    shadows = [lit(Light(shadow=0.5), seed)[:, :, 0] for seed in range(40)]
    assert min(shadow.min() for shadow in shadows) == pytest.approx(100, abs=2)
    assert max(shadow.max() for shadow in shadows) == pytest.approx(200, abs=2)
    assert all(int(shadow.max()) - int(shadow.min()) > 40 for shadow in shadows)
    assert len({shadow.tobytes() for shadow in shadows}) == 40
    shares = [np.mean(shadow < 150) for shadow in shadows]
    assert min(shares) < 0.25
    assert max(shares) > 0.5


@pytest.mark.parametrize("blur", [0.7, 2.0])
def test_blur_is_its_standard_deviation(blur: float) -> None:
    """A sharp edge becomes a slope whose steps have that spread."""
    canvas = GREY.copy()
    canvas[:, :80] = 0
    steps = np.diff(shot(canvas, Camera(blur=blur))[60, :, 0].astype(float))
    columns = np.arange(len(steps))
    middle = np.average(columns, weights=steps)
    spread = np.sqrt(np.average((columns - middle) ** 2, weights=steps))
    assert spread == pytest.approx(blur, rel=0.1)


def test_noise_has_its_standard_deviation() -> None:
    """In grey levels, and takes no light away."""
    noisy = shot(GREY, Camera(noise=5)).astype(float)
    assert noisy.std() == pytest.approx(5, rel=0.1)
    assert noisy.mean() == pytest.approx(200, abs=0.7)


PATTERN: Canvas = (
    np.random.default_rng(0).integers(0, 2, (120, 160, 1), np.uint8).repeat(3, 2) * 255
)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
def test_png_has_the_mode_and_loses_nothing(mode: str) -> None:
    """Black and white pixels come back as they were."""
    picture = encoded(PATTERN, replace(SCENE, mode=mode))
    assert picture.suffix == ".png"
    with Image.open(io.BytesIO(picture.content)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", mode, (160, 120))
        assert not image.getexif()
        np.testing.assert_array_equal(np.asarray(image.convert("RGB")), PATTERN)


def test_jpeg_of_less_quality_is_smaller() -> None:
    """And its suffix is .jpg."""
    pictures = [encoded(PATTERN, replace(SCENE, quality=quality)) for quality in (60, 90)]
    assert {picture.suffix for picture in pictures} == {".jpg"}
    assert len(pictures[0].content) < len(pictures[1].content)
    with Image.open(io.BytesIO(pictures[0].content)) as image:
        assert (image.format, image.mode) == ("JPEG", "RGB")


@pytest.mark.parametrize("quality", [None, 90])
@pytest.mark.parametrize(
    ("orientation", "size"), [(3, (160, 120)), (6, (120, 160)), (8, (120, 160))]
)
def test_turned_pixels_are_turned_back_by_their_tag(
    orientation: int, size: tuple[int, int], quality: int | None
) -> None:
    """The file is stored turned, and Pillow shows it upright."""
    canvas = GREY.copy()
    canvas[:60, :80] = (0, 0, 255)
    scene = replace(SCENE, orientation=orientation, quality=quality)
    with Image.open(io.BytesIO(encoded(canvas, scene).content)) as image:
        assert image.size == size
        assert image.getexif()[ExifTags.Base.Orientation] == orientation
        upright = np.asarray(ImageOps.exif_transpose(image))
    assert upright.shape == canvas.shape
    assert np.abs(upright.astype(int) - canvas).mean() < 2
