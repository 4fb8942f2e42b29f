"""The largest singular value of the infinite matrix 1, 1/2, 1/3, 1/4, ... along its diagonals, cut to SIZE rows.

The power method on AᵀA. The matrix is never stored: an entry is computed whenever it is needed.
"""

from math import sqrt

SIZE = 240


def entry(i, j):
    diagonal = i + j
    return 1.0 / (diagonal * (diagonal + 1) // 2 + i + 1)


def times(vector):
    product = []
    for i in range(len(vector)):
        total = 0.0
        for j in range(len(vector)):
            total += entry(i, j) * vector[j]
        product.append(total)
    return product


def times_transposed(vector):
    product = []
    for i in range(len(vector)):
        total = 0.0
        for j in range(len(vector)):
            total += entry(j, i) * vector[j]
        product.append(total)
    return product


def dot(a, b):
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


def main():
    u = []
    for _ in range(SIZE):
        u.append(1.0)
    v = u
    for _ in range(10):
        v = times_transposed(times(u))
        u = times_transposed(times(v))
    print(sqrt(dot(u, v) / dot(v, v)))


main()
