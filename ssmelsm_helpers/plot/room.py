"""Where labels find room: beside their points, over no other point, over no other label."""

import numpy as np
import pandas as pd

_MOST = 200  # labels that are tried
_NARROW = 0.45  # of a chart's width is left to it on a phone
_ACROSS = np.array([0, 0, 1, -1, 1, -1, 1, -1])  # where a label may stand: above, below, beside, at a corner
_UP = np.array([1, -1, 0, 0, 1, 1, -1, -1])
_POINT, _TALL, _LETTER = 4, 6.5, 3.3  # half of a point, of a line, of a letter, in pixels
_COLUMNS = ["label_dx", "label_dy"]


def room_for_labels(texts, x, y, order, *, width: float, height: float) -> pd.DataFrame:
    """How far from its point each label stands, in pixels to the right and down; NaN where there is no room for it.

    `x` and `y` are the points' places as shares of the panel. Labels of a higher `order` choose first, so that those from
    any threshold upwards stand where they would stand without the others. There is room on a phone, too.

    >>> found = room_for_labels(["a", "b", "c"], [0.5, 0.5, 0.505], [0.5, 0.5, 0.5], [3, 2, 1], width=600, height=320)
    >>> found.to_numpy().tolist()
    [[0.0, -11.0], [0.0, 11.0], [12.3, 0.0]]
    """
    tried = np.argsort(-np.asarray(order), kind="stable")[:_MOST]
    half = _LETTER * np.array([len(text) for text in texts])[tried] + 2
    dx, dy = np.outer(_ACROSS, half + 7), np.outer(-_UP, np.full(len(half), 11.0))
    points_x = np.outer([width, _NARROW * width], x)
    points_y = (1 - np.asarray(y)) * height
    spots_x, spots_y = points_x[:, None, tried] + dx, points_y[tried] + dy  # (2 widths, 8 spots, labels), (8, labels)
    spots = zip(np.moveaxis(spots_x, 1, 0), spots_y, strict=True)
    # No label is over its own point.
    over_points = np.array([_over(*spot, points_x, points_y, half[:, None] + _POINT, _TALL + _POINT) for spot in spots])
    places = np.full((np.size(y), 2), np.nan)
    taken = np.empty((4, len(tried)))  # of the labels that have a place: x in both widths, y, and half their widths
    count = 0
    for label, at in enumerate(tried):
        free = np.flatnonzero(~over_points[:, label])
        if count and len(free):
            here, others = (spots_x[:, free, label], spots_y[free, label]), taken[:, :count]
            free = free[~_over(*here, others[:2], others[2], half[label] + others[3], 2 * _TALL)]
        if len(free):
            spot = free[0]
            places[at] = dx[spot, label], dy[spot, label]
            taken[:, count] = *spots_x[:, spot, label], spots_y[spot, label], half[label]
            count += 1
    return pd.DataFrame(places, columns=_COLUMNS)


def _over(spots_x, spots_y, x, y, across, up) -> np.ndarray:
    """Which spots (N,) cover something at x (2 widths, M) or y (M,)."""
    near = (abs(spots_x[:, :, None] - x[:, None, :]) < across) & (abs(spots_y[:, None] - y) < up)
    return near.any(axis=(0, 2))


def shares(values) -> np.ndarray:
    """Where values lie between the smallest and the largest of them."""
    values = np.asarray(values, dtype=float)
    return (values - values.min()) / (np.ptp(values) or 1)
