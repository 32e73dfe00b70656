"""Writes crf.npz: what pydensecrf2 makes of a corner of chelsea.png, so that tests need not build it.

Run with `python tests/golden/make_crf.py` where pydensecrf2 is installed. Beliefs are in steps of 1/65535.
"""

from pathlib import Path

import numpy as np
import pydensecrf
import pydensecrf.densecrf as dcrf
from PIL import Image

CLASSES = 5


def main() -> None:
    here = Path(__file__).parent
    photo = np.asarray(Image.open(here.parents[1] / "examples" / "chelsea.png").convert("RGB"))
    image = np.ascontiguousarray(photo[100:132, 150:190])
    height, width = image.shape[:2]
    generator = np.random.default_rng(2)
    rough = np.kron(generator.normal(0, 2, (CLASSES, 4, 5)), np.ones((8, 8)))
    unary = (rough + generator.normal(0, 0.5, rough.shape)).astype(np.float16).astype(np.float32)
    matrix = (1 - np.eye(CLASSES) * generator.uniform(0.5, 2, CLASSES)).astype(np.float32)
    vector = generator.uniform(-3, 0, CLASSES).astype(np.float32)
    beliefs = {}
    for normalization in dcrf.NormalizationType:
        crf = dcrf.DenseCRF2D(width, height, CLASSES)
        crf.setUnaryEnergy(unary.reshape(CLASSES, -1))
        crf.addPairwiseGaussian(sxy=3, compat=3, normalization=normalization)
        crf.addPairwiseBilateral(sxy=20, srgb=13, rgbim=image, compat=4, normalization=normalization)
        beliefs[f"normalization_{int(normalization)}"] = np.array(crf.inference(10))
    for name, compat in {"matrix": matrix, "vector": vector, "negative": -1.0}.items():
        crf = dcrf.DenseCRF2D(width, height, CLASSES)
        crf.setUnaryEnergy(unary.reshape(CLASSES, -1))
        crf.addPairwiseBilateral(sxy=(20, 10), srgb=(13, 8, 20), rgbim=image, compat=compat)
        beliefs[f"beliefs_{name}"] = np.array(crf.inference(5))
    np.savez_compressed(
        here / "crf.npz",
        origin=f"{pydensecrf.__name__}2 1.1, x86-64, examples/chelsea.png rows 100:132, columns 150:190",
        image=image,
        unary=unary.astype(np.float16),
        matrix=matrix,
        vector=vector,
        allow_pickle=False,
        **{name: np.round(q * 65535).astype(np.uint16) for name, q in beliefs.items()},
    )


if __name__ == "__main__":
    main()
