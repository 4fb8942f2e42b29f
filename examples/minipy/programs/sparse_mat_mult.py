"""A sparse matrix times a vector, SIZE times over: compressed rows, so that each value is found through an index.

The matrix is a random walk's: its rows sum to 1, and so do the vector's entries at every step.
"""

SIZE = 400  # products
ROWS = 1000
PER_ROW = 10


def walk():
    """Rows, columns and values: row i is values[rows[i]:rows[i + 1]], in the columns of the same indices."""
    rows = [0]
    columns = []
    values = []
    state = 7
    for _ in range(ROWS):
        for _ in range(PER_ROW):
            state = (state * 69069 + 1) % 4294967296
            columns.append(state // 65536 % ROWS)
            values.append(1.0 / PER_ROW)
        rows.append(len(columns))
    return rows, columns, values


def multiply(rows, columns, values, x):
    y = []
    for i in range(len(rows) - 1):
        total = 0.0
        for k in range(rows[i], rows[i + 1]):
            total += values[k] * x[columns[k]]
        y.append(total)
    return y


def main():
    rows, columns, values = walk()
    x = []
    for i in range(ROWS):
        x.append(i % 10 / 10.0)
    for _ in range(SIZE):
        x = multiply(rows, columns, values, x)
    low = x[0]
    high = x[0]
    for value in x:
        low = min(low, value)
        high = max(high, value)
    print("after", SIZE, "steps between", low, "and", high)


main()
