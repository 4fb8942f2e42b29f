"""LU factorisation of a SIZE by SIZE matrix with row exchanges, then the solution of a system whose answer is known."""

SIZE = 250


def matrix(size):
    rows = []
    state = 12345
    for _ in range(size):
        row = []
        for _ in range(size):
            state = state * 16807 % 2147483647
            row.append(state / 2147483647.0 - 0.5)
        rows.append(row)
    return rows


def factor(a):
    """Leave L (below the diagonal, its ones implied) and U in `a`; the result is the order of the rows and its sign."""
    size = len(a)
    order = []
    sign = 1
    for i in range(size):
        order.append(i)
    for k in range(size):
        best = k
        for i in range(k + 1, size):
            if abs(a[i][k]) > abs(a[best][k]):
                best = i
        if best != k:
            a[k], a[best] = a[best], a[k]
            order[k], order[best] = order[best], order[k]
            sign = -sign
        pivot = a[k]
        for i in range(k + 1, size):
            row = a[i]
            ratio = row[k] / pivot[k]
            row[k] = ratio
            for j in range(k + 1, size):
                row[j] -= ratio * pivot[j]
    return order, sign


def solve(lu, order, b):
    size = len(lu)
    x = []
    for i in range(size):
        total = b[order[i]]
        row = lu[i]
        for j in range(i):
            total -= row[j] * x[j]
        x.append(total)
    for i in range(size - 1, -1, -1):
        total = x[i]
        row = lu[i]
        for j in range(i + 1, size):
            total -= row[j] * x[j]
        x[i] = total / row[i]
    return x


def main():
    a = matrix(SIZE)
    b = []
    for row in a:
        total = 0.0
        for j in range(SIZE):
            total += row[j] * (j + 1)
        b.append(total)
    order, sign = factor(a)
    product = float(sign)
    for i in range(SIZE):
        product *= a[i][i]
    print("determinant", product)
    worst = 0.0
    x = solve(a, order, b)
    for i in range(SIZE):
        worst = max(worst, abs(x[i] - (i + 1)))
    print("largest error below 1e-8:", worst < 1e-8)
    print("first rows used:", order[0], order[1], order[2])


main()
