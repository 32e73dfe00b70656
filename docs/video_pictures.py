"""Makes the picture of docs/how_to/sources.md: `python docs/video_pictures.py` with the extra `video`.

The clip is made from a photo of examples/: a camera that moves over it, zooms in, and trembles.
"""

import tempfile
from pathlib import Path

import av
import numpy as np
from panels import row
from PIL import Image

import pixelwise

HERE = Path(__file__).parent
SHOWN = (0, 10, 20)


def make_clip(path: Path, frames: int = 21, size: tuple[int, int] = (240, 320)) -> None:
    """Write a clip of (height, width) `size` that moves over the cat of examples/chelsea.png."""
    photo = Image.open(HERE.parent / "examples" / "chelsea.png").convert("RGB")
    tremble = np.random.default_rng(0).normal(0, 1.5, (frames, 2))
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        for index in range(frames):
            share = index / (frames - 1)
            height = 300 - 60 * share
            width = height * size[1] / size[0]
            left = (photo.width - width) * share + tremble[index, 0]
            top = (photo.height - height) * (1 - share) / 2 + tremble[index, 1]
            view = photo.resize(
                (size[1], size[0]), Image.Resampling.BICUBIC, _within(left, top, width, height, photo)
            )
            out.mux(stream.encode(av.VideoFrame.from_image(view)))
        out.mux(stream.encode())


def _within(
    left: float, top: float, width: float, height: float, photo: Image.Image
) -> tuple[float, float, float, float]:
    left, top = min(max(left, 0), photo.width - width), min(max(top, 0), photo.height - height)
    return left, top, left + width, top + height


def frames_of(path: Path) -> list[Image.Image]:
    with av.open(str(path)) as file:
        return [frame.to_image() for frame in file.decode(video=0)]


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        clip = Path(place) / "clip.mp4"
        make_clip(clip)
        pixelwise.segment_folder(clip, place, save=["overlay"], smooth="crf")
        overlaid = frames_of(Path(place) / "clip_overlay.mp4")
    seconds = {f"clip_overlay.mp4, {index / 10:.0f} s": overlaid[index] for index in SHOWN}
    row(seconds).save(HERE / "images" / "video_frames.jpg", quality=85)


if __name__ == "__main__":
    main()
