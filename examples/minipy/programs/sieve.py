"""The sieve of Eratosthenes up to SIZE: how many primes there are, the last one, and the widest gap."""

SIZE = 4000000


def sieve(limit):
    prime = []
    for _ in range(limit + 1):
        prime.append(True)
    prime[0] = prime[1] = False
    number = 2
    while number * number <= limit:
        if prime[number]:
            for multiple in range(number * number, limit + 1, number):
                prime[multiple] = False
        number += 1
    return prime


def main():
    prime = sieve(SIZE)
    count = 0
    last = 2
    gap = 0
    for number in range(2, SIZE + 1):
        if prime[number]:
            count += 1
            gap = max(gap, number - last)
            last = number
    print(count, "primes up to", SIZE)
    print("the last one is", last, "and the widest gap", gap)


main()
