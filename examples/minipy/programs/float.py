"""SIZE points on a helix, each scaled to length 1, then the largest coordinate of all: floats made and dropped."""

from math import sqrt

SIZE = 400000


def helix(count):
    """Points that turn by a fixed angle, whose cosine is 0.8 and sine 0.6, and rise slowly."""
    points = []
    x = 1.0
    y = 0.0
    for i in range(count):
        x, y = 0.8 * x - 0.6 * y, 0.6 * x + 0.8 * y
        points.append((x, y, (i * i % 1000) / 500.0))
    return points


def normalize(points):
    scaled = []
    for x, y, z in points:
        length = sqrt(x * x + y * y + z * z)
        scaled.append((x / length, y / length, z / length))
    return scaled


def largest(points):
    x, y, z = points[0]
    for px, py, pz in points:
        x = max(x, px)
        y = max(y, py)
        z = max(z, pz)
    return x, y, z


def main():
    print(largest(normalize(helix(SIZE))))


main()
