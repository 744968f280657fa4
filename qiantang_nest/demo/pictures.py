"""Drawn pictures of rooms and houses, so that the demo needs no photograph of anybody's home."""

from io import BytesIO
from random import Random

from PIL import Image, ImageDraw

SIZE = (960, 720)
_WALLS = ("#F4EFE4", "#EAF1EE", "#F1ECEF", "#EDF0F5", "#F5F1E1")
_FLOORS = ("#C9A877", "#B99468", "#CDBBA0", "#A8886A")
_SHEETS = ("#7FB3C8", "#9CB98A", "#D2A679", "#8E9FC1", "#C58F8F")


def room_picture(rng: Random, beds: int) -> bytes:
    """A JPEG of a small room with its beds, window, desk and lamp."""
    image = Image.new("RGB", SIZE, rng.choice(_WALLS))
    draw = ImageDraw.Draw(image)
    floor = rng.choice(_FLOORS)
    draw.polygon([(0, 520), (960, 520), (960, 720), (0, 720)], fill=floor)
    for board in range(0, 960, 96):
        draw.line([(board, 520), (board * 2 - 480, 720)], fill=_darker(floor, 0.92), width=2)
    draw.rectangle((0, 508, 960, 522), fill=_darker(floor, 0.8))
    _window(draw, rng)
    left = 70
    for _bed in range(beds):
        _bed_at(draw, left, rng.choice(_SHEETS))
        left += 330
    _desk(draw, 730)
    return _jpeg(image)


def house_picture(rng: Random, floors: int) -> bytes:
    """A JPEG of a farmhouse of two to four floors under the sky."""
    image = Image.new("RGB", SIZE, "#CFE3EA")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 560, 960, 720), fill="#9DB27C")
    wall = rng.choice(("#F3EFE6", "#E9E2D3", "#EFE7DF", "#E3E8E6"))
    height = 118 * floors
    top = 580 - height
    draw.rectangle((220, top, 740, 580), fill=wall)
    draw.polygon(
        [(190, top), (480, top - 95), (770, top)], fill=rng.choice(("#7C4A3A", "#5B6770", "#86604A"))
    )
    for floor in range(floors):
        y = top + floor * 118
        draw.line([(220, y), (740, y)], fill=_darker(wall, 0.88), width=5)
        for column in range(4):
            x = 252 + column * 122
            if floor == floors - 1 and column == 1:
                draw.rectangle((x + 8, y + 30, x + 78, 580), fill="#8A5A3B")
                continue
            draw.rectangle((x, y + 26, x + 86, y + 92), fill="#6FA0AE", outline="white", width=6)
            draw.line([(x + 43, y + 26), (x + 43, y + 92)], fill="white", width=5)
    draw.polygon([(430, 580), (530, 580), (600, 720), (360, 720)], fill="#C9C4B8")
    return _jpeg(image)


def _window(draw: ImageDraw.ImageDraw, rng: Random) -> None:
    draw.rectangle((360, 90, 640, 330), fill="#CBE4EE", outline="white", width=14)
    draw.ellipse((rng.randint(390, 560), 130, rng.randint(570, 620), 190), fill="#F7F3DA")
    draw.rectangle((360, 270, 640, 322), fill="#A9C28B")
    draw.line([(500, 90), (500, 330)], fill="white", width=10)
    curtain = rng.choice(_SHEETS)
    draw.rectangle((318, 70, 384, 400), fill=curtain)
    draw.rectangle((616, 70, 682, 400), fill=curtain)
    draw.rectangle((300, 58, 700, 74), fill="#8D7A66")


def _bed_at(draw: ImageDraw.ImageDraw, left: int, sheet: str) -> None:
    draw.rectangle((left, 430, left + 290, 620), fill="#8A6A4C")
    draw.rectangle((left + 8, 410, left + 282, 560), fill=sheet)
    draw.rectangle((left + 8, 410, left + 282, 470), fill="#FBFAF5")
    draw.rounded_rectangle((left + 30, 380, left + 140, 440), 18, fill="#FFFFFF", outline="#D9D4C8", width=3)
    draw.rectangle((left, 340, left + 16, 640), fill="#6E5339")
    draw.rectangle((left + 274, 430, left + 290, 640), fill="#6E5339")


def _desk(draw: ImageDraw.ImageDraw, left: int) -> None:
    draw.rectangle((left, 430, left + 200, 448), fill="#9B7750")
    draw.rectangle((left + 10, 448, left + 24, 600), fill="#84633F")
    draw.rectangle((left + 176, 448, left + 190, 600), fill="#84633F")
    draw.polygon([(left + 60, 330), (left + 130, 330), (left + 150, 372), (left + 40, 372)], fill="#E5B94E")
    draw.rectangle((left + 91, 372, left + 99, 430), fill="#5A6C72")


def _darker(colour: str, share: float) -> tuple[int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return int(red * share), int(green * share), int(blue * share)


def _jpeg(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()
