"""Heat in a plate whose edge is kept at given temperatures: successive over-relaxation on a SIZE by SIZE grid."""

SIZE = 160
SWEEPS = 120
OMEGA = 1.25


def plate(size):
    """Cold inside, and on the edge as hot as x·x - y·y."""
    rows = []
    for y in range(size):
        row = []
        for x in range(size):
            edge = x == 0 or y == 0 or x == size - 1 or y == size - 1
            row.append((x * x - y * y) / (size * size) if edge else 0.0)
        rows.append(row)
    return rows


def relax(rows, omega):
    quarter = 0.25 * omega
    rest = 1.0 - omega
    for y in range(1, len(rows) - 1):
        above = rows[y - 1]
        row = rows[y]
        below = rows[y + 1]
        for x in range(1, len(row) - 1):
            row[x] = quarter * (above[x] + below[x] + row[x - 1] + row[x + 1]) + rest * row[x]


def main():
    rows = plate(SIZE)
    for _ in range(SWEEPS):
        relax(rows, OMEGA)
    total = 0.0
    for row in rows:
        for temperature in row:
            total += temperature * temperature
    print("sum of squares", total)
    print("near a corner", rows[1][-2], "and further in", rows[SIZE // 8][SIZE // 3])


main()
