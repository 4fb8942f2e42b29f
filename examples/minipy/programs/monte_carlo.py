"""π from SIZE random points in a square: the share of those that fall into the quarter circle.

The random numbers are a linear congruential generator's, whose products stay within 64 bits.
"""

SIZE = 2000000
MODULUS = 2147483648


def pi(samples, state):
    inside = 0
    for _ in range(samples):
        state = (state * 1103515245 + 12345) % MODULUS
        x = state / MODULUS
        state = (state * 1103515245 + 12345) % MODULUS
        y = state / MODULUS
        if x * x + y * y <= 1.0:
            inside += 1
    return 4.0 * inside / samples


print("pi is about", pi(SIZE, 42))
