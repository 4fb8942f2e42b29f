"""The product of two SIZE by SIZE matrices, as lists of rows: three nested loops, the innermost over floats."""

SIZE = 230


def matrix(size, seed):
    rows = []
    for i in range(size):
        row = []
        for j in range(size):
            row.append((seed * i + j * j) % 17 / 4.0 - 2.0)
        rows.append(row)
    return rows


def transpose(a):
    columns = []
    for j in range(len(a[0])):
        column = []
        for row in a:
            column.append(row[j])
        columns.append(column)
    return columns


def multiply(a, b):
    columns = transpose(b)
    product = []
    for row in a:
        out = []
        for column in columns:
            total = 0.0
            for k in range(len(row)):
                total += row[k] * column[k]
            out.append(total)
        product.append(out)
    return product


def main():
    c = multiply(matrix(SIZE, 3), matrix(SIZE, 5))
    trace = 0.0
    for i in range(SIZE):
        trace += c[i][i]
    print("trace", trace)
    print("corners", c[0][0], c[0][-1], c[-1][0], c[-1][-1])


main()
