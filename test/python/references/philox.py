"""Philox4x32-10 (native/core/philox.h) on NumPy's 64-bit integers."""

import math

import numpy as np

LOW = np.uint64(0xFFFFFFFF)
WORD = np.uint64(32)


def digits(seed, stream):
    """Seed and stream as ops take them."""
    return np.array([number >> shift & 0xFFFF for number in (seed, stream) for shift in (0, 16, 32, 48)], np.float32)


def words(count, seed, stream):
    """The first words of a stream."""
    block = np.arange(-(-count // 4), dtype=np.uint64)
    c0, c1 = block & LOW, block >> WORD
    c2, c3 = (np.full_like(block, stream >> shift & 0xFFFFFFFF) for shift in (0, 32))
    k0, k1 = seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF
    for _ in range(10):
        p0, p1 = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (p1 >> WORD) ^ c1 ^ np.uint64(k0), p1 & LOW, (p0 >> WORD) ^ c3 ^ np.uint64(k1), p0 & LOW
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return np.stack([c0, c1, c2, c3], 1).reshape(-1)[:count]


def kept(shape, threshold, shared_axes, seed, stream):
    """Which elements are kept: a tensor of booleans."""
    noise_shape = [1 if shared_axes >> axis & 1 else extent for axis, extent in enumerate(shape)]
    drawn = words(math.prod(noise_shape), seed, stream).reshape(noise_shape)
    return np.broadcast_to((drawn >> np.uint64(8)) >= np.uint64(threshold), shape)
