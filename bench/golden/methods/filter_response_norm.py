from ..method import Method

# The file's epsilon is all of it, one for each channel.
METHOD = Method(forward="TfjsFilterResponseNorm",
                attributes=lambda case, axis: {
                    "axis": axis,
                    "epsilon": 0.0,
                    "tlu": True,
                    "learn_epsilon": True
                },
                names={"learned_epsilon": "epsilon"})
