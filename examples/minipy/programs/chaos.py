"""The chaos game: SIZE jumps of a point through randomly chosen affine maps draw a fern; the picture is counted.

Which map is taken is decided by a linear congruential generator, where the point lands by a table of coefficients.
"""

SIZE = 1000000
WIDTH = 60
HEIGHT = 30

# x' = a·x + b·y, y' = c·x + d·y + e; and up to which of 100 lots the map is drawn
MAPS = [
    (0.0, 0.0, 0.0, 0.16, 0.0, 1),
    (0.85, 0.04, -0.04, 0.85, 1.6, 86),
    (0.2, -0.26, 0.23, 0.22, 1.6, 93),
    (-0.15, 0.28, 0.26, 0.24, 0.44, 100),
]


def canvas():
    rows = []
    for _ in range(HEIGHT):
        row = []
        for _ in range(WIDTH):
            row.append(0)
        rows.append(row)
    return rows


def draw(rows, jumps):
    x = 0.0
    y = 0.0
    state = 2024
    for _ in range(jumps):
        state = (state * 1103515245 + 12345) % 2147483648
        lot = state // 65536 % 100
        for a, b, c, d, e, upto in MAPS:
            if lot < upto:
                x, y = a * x + b * y, c * x + d * y + e
                break
        column = int((x + 2.5) * WIDTH / 5.5)
        line = int(y * HEIGHT / 10.5)
        if 0 <= column < WIDTH and 0 <= line < HEIGHT:
            rows[line][column] += 1


def main():
    rows = canvas()
    draw(rows, SIZE)
    dark = 0
    most = 0
    checksum = 0
    for row in rows:
        for count in row:
            checksum = (checksum * 31 + count) % 1000000007
            if count:
                dark += 1
            most = max(most, count)
    print(dark, "of", WIDTH * HEIGHT, "cells are dark, the darkest was hit", most, "times")
    print("checksum", checksum)


main()
