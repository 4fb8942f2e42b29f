"""Pancakes: over all permutations of SIZE numbers, the most flips until 1 lies on top, and an alternating checksum.

A flip reverses as many pancakes as the top one says. Permutations come in the order of a mixed-radix counter: each
next one rotates a prefix.
"""

SIZE = 9


def flips(permutation, work):
    for i in range(len(permutation)):
        work[i] = permutation[i]
    count = 0
    top = work[0]
    while top != 0:
        low = 0
        high = top
        while low < high:
            work[low], work[high] = work[high], work[low]
            low += 1
            high -= 1
        count += 1
        top = work[0]
    return count


def next_permutation(permutation, counter):
    """Make `permutation` the next one; False when all have been."""
    for end in range(1, len(permutation)):
        first = permutation[0]
        for i in range(end):
            permutation[i] = permutation[i + 1]
        permutation[end] = first
        counter[end] += 1
        if counter[end] <= end:
            return True
        counter[end] = 0
    return False


def main():
    permutation = []
    work = []
    counter = []
    for i in range(SIZE):
        permutation.append(i)
        work.append(0)
        counter.append(0)
    most = 0
    checksum = 0
    sign = 1
    more = True
    while more:
        count = flips(permutation, work)
        most = max(most, count)
        checksum += sign * count
        sign = -sign
        more = next_permutation(permutation, counter)
    print(checksum)
    print("flips of", SIZE, "pancakes:", most)


main()
