"""The noise of native/norms/stochastic_noise.h: two normal numbers of each pair, or u and v of batch norm's form."""

import numpy as np

from . import philox


def uniform(words):
    return ((words >> np.uint64(8)) + np.uint64(1)) * 2.0**-24


def box_muller(first, second):
    radius = np.sqrt(-2 * np.log(uniform(first)))
    angle = 2 * np.pi * (second >> np.uint64(8)) * 2.0**-24
    return radius * np.cos(angle), radius * np.sin(angle)


def normal_pairs(count, seed, stream):
    words = philox.words(2 * count, seed, stream).reshape(count, 2)
    return box_muller(words[:, 0], words[:, 1])


def batch_noise(count, values, seed, stream):
    degrees = values - 1
    if values >= 16:
        z1, z2 = normal_pairs(count, seed, stream)
        part = 2 / (9 * degrees)
        chi2 = degrees * (1 - part + z1 * np.sqrt(part))**3
    else:
        words = philox.words(12 * count, seed, stream).reshape(count, 12)
        z1, z2 = box_muller(words[:, 0], words[:, 1])
        chi2 = -2 * np.log(uniform(words[:, 2:2 + int(degrees) // 2])).sum(1)
        chi2 = chi2 + (z1**2 if degrees % 2 == 1 else 0)
    return z2 / np.sqrt(values), np.sqrt(values / np.maximum(chi2, 1e-3 * degrees))
