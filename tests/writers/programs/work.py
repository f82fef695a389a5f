# The trampolines of light() take a quarter of all trampolines' time, those of heavy() three.
import time


def light(n):
    return n


def heavy(n):
    return n


end = time.monotonic() + 1.5
while time.monotonic() < end:
    for i in range(1000):
        light(i)
        heavy(i)
        heavy(i)
        heavy(i)
