"""Planets that attract one another: total energy before and after SIZE steps of a symplectic integrator.

A body is a list [x, y, z, vx, vy, vz, mass], in units in which the constant of gravitation is 1.
"""

from math import sqrt

SIZE = 60000  # steps


def energy(bodies):
    total = 0.0
    count = len(bodies)
    for i in range(count):
        x, y, z, vx, vy, vz, mass = bodies[i]
        total += 0.5 * mass * (vx * vx + vy * vy + vz * vz)
        for j in range(i + 1, count):
            other = bodies[j]
            dx = x - other[0]
            dy = y - other[1]
            dz = z - other[2]
            total -= mass * other[6] / sqrt(dx * dx + dy * dy + dz * dz)
    return total


def step(bodies, dt):
    count = len(bodies)
    for i in range(count):
        a = bodies[i]
        for j in range(i + 1, count):
            b = bodies[j]
            dx = a[0] - b[0]
            dy = a[1] - b[1]
            dz = a[2] - b[2]
            square = dx * dx + dy * dy + dz * dz
            pull = dt / (square * sqrt(square))
            on_a = b[6] * pull
            on_b = a[6] * pull
            a[3] -= dx * on_a
            a[4] -= dy * on_a
            a[5] -= dz * on_a
            b[3] += dx * on_b
            b[4] += dy * on_b
            b[5] += dz * on_b
    for body in bodies:
        body[0] += dt * body[3]
        body[1] += dt * body[4]
        body[2] += dt * body[5]


def circular(distance, height, mass, sun):
    """A planet that starts on a circle around the sun, a little out of its plane."""
    return [distance, 0.0, height, 0.0, sqrt(sun / distance), 0.0, mass]


def main():
    sun = 1000.0
    bodies = [
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, sun],
        circular(4.0, 0.1, 0.02, sun),
        circular(-7.5, -0.2, 0.8, sun * -1.0),
        circular(12.25, 0.4, 0.05, sun),
        circular(30.0, -1.0, 0.3, sun),
    ]
    print(energy(bodies))
    for _ in range(SIZE):
        step(bodies, 0.001)
    print(energy(bodies))
    for body in bodies:
        print(body[0], body[1], body[2])


main()
