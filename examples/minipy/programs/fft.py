"""The fast Fourier transform of 2**SIZE points, there and back: iterative, in place, real and imaginary parts in two lists.

The roots of unity need no sine: each halving of the angle takes one square root.
"""

from math import sqrt

SIZE = 16  # the number of points is 2**SIZE


def roots(half):
    """cos and -sin of k·π/half for k < half, each built from two whose angles were known before."""
    cosines = [1.0]
    sines = [0.0]
    cosine = -1.0
    sine = 0.0
    while len(cosines) < half:
        halved = sqrt(0.5 * (1.0 + cosine))
        sine = 1.0 if cosine == -1.0 else sine / (2.0 * halved)
        cosine = halved
        wider_cosines = []
        wider_sines = []
        for k in range(len(cosines)):
            wider_cosines.append(cosines[k])
            wider_sines.append(sines[k])
            wider_cosines.append(cosines[k] * cosine + sines[k] * sine)
            wider_sines.append(sines[k] * cosine - cosines[k] * sine)
        cosines = wider_cosines
        sines = wider_sines
    return cosines, sines


def reorder(re, im):
    """Swap every element with the one whose index has the same bits in reverse."""
    size = len(re)
    j = 0
    for i in range(1, size):
        bit = size // 2
        while j >= bit:
            j -= bit
            bit //= 2
        j += bit
        if i < j:
            re[i], re[j] = re[j], re[i]
            im[i], im[j] = im[j], im[i]


def transform(re, im, cosines, sines):
    size = len(re)
    reorder(re, im)
    span = 1
    while span < size:
        stride = size // (2 * span)
        for k in range(span):
            wr = cosines[k * stride]
            wi = sines[k * stride]
            for low in range(k, size, 2 * span):
                high = low + span
                tr = re[high] * wr - im[high] * wi
                ti = re[high] * wi + im[high] * wr
                re[high] = re[low] - tr
                im[high] = im[low] - ti
                re[low] += tr
                im[low] += ti
        span *= 2


def main():
    size = 2**SIZE
    cosines, sines = roots(size // 2)
    re = []
    im = []
    for i in range(size):
        re.append((i * 7919 % 1009) / 1009.0)
        im.append(0.0)
    transform(re, im, cosines, sines)
    print("mean", re[0] / size)
    print("highest frequency", re[size // 2])
    # Back: the transform of the conjugate is the conjugate of the inverse, but for the factor `size`.
    for i in range(size):
        im[i] = -im[i]
    transform(re, im, cosines, sines)
    error = 0.0
    for i in range(size):
        error = max(error, abs(re[i] / size - (i * 7919 % 1009) / 1009.0))
    print("largest error below 1e-12:", error < 1e-12)


main()
