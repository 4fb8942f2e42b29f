"""The Mandelbrot set on a grid of SIZE by SIZE points: how many do not escape, and the escape times' sum."""

SIZE = 450
LIMIT = 50  # iterations after which a point counts as inside


def escape_time(cr, ci):
    zr = zi = 0.0
    for count in range(LIMIT):
        rr = zr * zr
        ii = zi * zi
        if rr + ii > 4.0:
            return count
        zi = 2.0 * zr * zi + ci
        zr = rr - ii + cr
    return LIMIT


def main():
    inside = 0
    total = 0
    for row in range(SIZE):
        ci = 2.5 * row / SIZE - 1.25
        in_row = 0
        for column in range(SIZE):
            time = escape_time(3.0 * column / SIZE - 2.0, ci)
            total += time
            if time == LIMIT:
                in_row += 1
        inside += in_row
    print(inside, "of", SIZE * SIZE, "points are inside")
    print("iterations:", total)


main()
