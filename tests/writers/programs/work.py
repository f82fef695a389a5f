# The trampolines of light() take 1/4 of the trampolines' time, those of heavy() 3/4.
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
