"""In how many ways can SIZE queens stand on a board without attacking each other? Depth-first search, by recursion."""

SIZE = 9
ROUNDS = 30


def place(row, size, columns, rising, falling):
    """The number of ways to fill the board from `row` down, given which lines are attacked."""
    if row == size:
        return 1
    ways = 0
    for column in range(size):
        up = row + column
        down = row - column + size - 1
        if columns[column] or rising[up] or falling[down]:
            continue
        columns[column] = rising[up] = falling[down] = True
        ways += place(row + 1, size, columns, rising, falling)
        columns[column] = rising[up] = falling[down] = False
    return ways


def free(count):
    lines = []
    for _ in range(count):
        lines.append(False)
    return lines


def queens(size):
    return place(0, size, free(size), free(2 * size - 1), free(2 * size - 1))


def main():
    for size in range(1, SIZE):
        print(size, queens(size))
    total = 0
    for _ in range(ROUNDS):
        total += queens(SIZE)
    print(SIZE, total // ROUNDS)


main()
