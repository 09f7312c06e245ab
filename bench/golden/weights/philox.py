def keep_mask(library, device, case):
    attrs, keep = case["attrs"], case["keep"]
    numbers = (int(attrs["seed"]), int(attrs["stream"]))
    digits = [number >> shift & 0xFFFF for number in numbers for shift in (0, 16, 32, 48)]
    inputs = [([1.0] * len(keep), [len(keep)]), (digits, [8])]
    [(got, _)] = library.run("TfjsAlphaDropout", device, inputs, {"dropped": 0, "threshold": attrs["threshold"]})
    return [] if got == keep else [f"expected the mask {keep}, got {got}"]


# The words themselves are checked by native/test/philox_check.cc.
OPS = {
    "Philox4x32_10": lambda library, device, case: None,
    "KeepMask": keep_mask,
    "BoxMuller": lambda library, device, case: None,
}
