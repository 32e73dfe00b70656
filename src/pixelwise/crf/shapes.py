"""Check that labels or probabilities have the shape of their picture, and advise if not."""

Shape = tuple[int, ...]


def is_reduced(grid: Shape, size: Shape) -> bool:
    """Whether (h, w) is a smaller grid of the shape of (H, W), up to a cell."""
    (rows, columns), (height, width) = grid, size
    if not (1 <= rows <= height and 1 <= columns <= width):
        return False
    return abs(rows * width - columns * height) < max(height, width)


def fits(found: Shape, size: Shape) -> bool:
    """Whether probabilities (C, h, w) are of a picture of `size`, or of a reduced copy of it."""
    return len(found) == 3 and (found[1:] == size or is_reduced(found[1:], size))


def shape_fault(found: Shape, size: Shape) -> tuple[str, str]:
    """What is wrong with labels or probabilities of another shape than a picture of `size` needs, and what to
    do.
    """
    height, width = size
    reduced = f"{max(1, round(height / 8))}, {max(1, round(width / 8))}"
    message = (
        f"an array of shape {found} does not fit a picture of {height} x {width} (height x width): expected "
        f"probabilities (classes, {height}, {width}), or of a smaller grid such as (classes, {reduced}), "
        f"or labels ({height}, {width})"
    )
    turned = (width, height)
    if len(found) == 4 and found[0] == 1 and fits(found[1:], size):
        return message, "take the first picture of the batch: array[0]"
    if len(found) == 3 and fits((found[2], *found[:2]), size):
        return message, "put the classes first: array.transpose(2, 0, 1)"
    if found == turned or fits(found, turned):
        return message, "rows come before columns: array.swapaxes(-1, -2)"
    return message, "resize or crop the picture as it was for the net, or save results at the picture's size"


def array_advice(found: Shape, floats: bool) -> str | None:
    """What to do with an array that does not hold probabilities (C, h, w); None if that is unclear."""
    if len(found) == 4 and found[0] == 1:
        return "take the first picture of the batch: array[0]"
    if len(found) == 2 and not floats:
        return "save labels as PNG, with class ids as values of the pixels"
    if len(found) == 2:
        return "add the background to a map of the foreground: np.stack([1 - array, array])"
    if len(found) == 3 and found[0] == 1:
        return "add the background to a map of the foreground: np.concatenate([1 - array, array])"
    if len(found) == 3 and found[2] < min(found[:2]):
        return "put the classes first: array.transpose(2, 0, 1)"
    if len(found) == 3 and not floats:
        return "save floats: array.astype(np.float32), divided by 255 if it goes up to that"
    return None
