"""Groups as the rows and columns of the native ops: of each weight, which entry its slices belong to."""

import math

from ..values import compare_weights


class Network:
    """The weights of a case in the layout of TfjsEquiNorm: positions are all rows and columns, one after the other."""

    def __init__(self, case):
        self.attrs, self.inputs = case["attrs"], case["inputs"]
        self.names = [name for name in self.inputs if not name.startswith("m:")]
        self.rows, self.columns, self.first = {}, {}, {}
        position = 0
        for name in self.names:
            shape = self.inputs[name]["shape"]
            extents = (shape[-2] if len(shape) > 1 else 1, shape[-1])
            self.rows[name], self.columns[name] = ([0.0] * extent for extent in extents)
            self.first[name] = (position, position + extents[0])
            position += sum(extents)
        self.positions = position
        self.entries = 0
        # Of each group: its first entry, and of each entry the (position, share) of producers and of consumers.
        self.groups = [self.group(group) for group in self.attrs["groups"]]

    def slices(self, name, axis, flat):
        """Which list of numbers the axis has, the position of its first slice, and the unit of each slice."""
        shape = self.inputs[name]["shape"]
        is_column = axis == len(shape) - 1
        units = [i % flat if flat else i for i in range(shape[axis])]
        return (self.columns if is_column else self.rows)[name], self.first[name][is_column], units

    def group(self, group):
        name, axis, _ = group["producers"][0]
        units, first = self.inputs[name]["shape"][axis], self.entries
        self.entries += units
        sides = [[[] for _ in range(units)] for _ in range(2)]
        for side, key in enumerate(("producers", "consumers")):
            for name, axis, flat in group[key]:
                numbers, position, of = self.slices(name, axis, flat)
                for i, unit in enumerate(of):
                    numbers[i] = float((first + unit + 1) * (-1 if side else 1))
                    sides[side][unit].append((position + i, self.attrs["layerWeights"][name]))
        for name in group["biases"]:
            if name in self.inputs and self.attrs["scaleBiases"]:
                numbers, _, of = self.slices(name, 0, 0)
                for i, unit in enumerate(of):
                    numbers[i] = float(first + unit + 1)
        return first, sides

    def steps(self):
        """The groups of each call of a cycle."""
        every = list(range(len(self.groups)))
        if self.attrs["order"] == "simultaneous":
            return [every]
        return [every[::2], every[1::2]] if self.attrs["order"] == "redblack" else [[group] for group in every]

    def lists(self, names):
        return [(numbers[name], [len(numbers[name])]) for numbers in (self.rows, self.columns) for name in names]

    def tensors(self, names):
        return [(self.inputs[name]["data"], self.inputs[name]["shape"]) for name in names]

    def step(self, library, device, factors, chosen):
        order, shares, starts = [], [], []
        exponents = [0.0] * self.entries
        for group, (first, sides) in enumerate(self.groups):
            for unit in range(len(sides[0])):
                for side in sides:
                    starts.append(len(order))
                    order += [position for position, _ in side[unit]] if group in chosen else []
                    shares += [share for _, share in side[unit]] if group in chosen else []
                if group in chosen:
                    exponents[first + unit] = 1 / (2 * self.attrs["p"])
        starts.append(len(order))
        padding = [0.0] * (self.positions - len(order))
        vector = lambda values: (values, [len(values)])
        inputs = [vector(factors), *self.tensors(self.names), *self.lists(self.names)]
        inputs += [vector(values) for values in (order + padding, starts, shares + padding, exponents)]
        [(new_factors, _)] = library.run("TfjsEquiNorm", device, inputs, {"p": self.attrs["p"]})
        return new_factors


def objective(case, values):
    p = case["attrs"]["p"]
    return sum(c * math.fsum(abs(w)**p for w in values[name]) for name, c in case["attrs"]["layerWeights"].items())


def enorm(library, device, case):
    network = Network(case)
    factors = [1.0] * network.entries
    first_cycle = factors
    for cycle in range(case["attrs"]["cycles"]):
        for chosen in network.steps():
            factors = network.step(library, device, factors, chosen)
        first_cycle = factors if cycle == 0 else first_cycle
    got = {}
    for prefix, power in (("", 1), ("m:", -1)):
        names = [name for name in network.names if prefix + name in case["inputs"]]
        if not names:
            continue
        inputs = network.tensors([prefix + name for name in names]) + network.lists(names) + [(factors, [len(factors)])]
        results = library.run("TfjsEquiNormScale", device, inputs, {"power": power})
        got.update({prefix + name: y for name, (y, _) in zip(names, results)})
    before = {name: case["inputs"][name]["data"] for name in network.names}
    got["objectiveBefore"], got["objectiveAfter"] = [objective(case, before)], [objective(case, got)]
    for k, (first, sides) in enumerate(network.groups):
        got[f"d:{k}"] = first_cycle[first:first + len(sides[0])]
    if sorted(got) != sorted(case["outputs"]):
        return [f"expected outputs {sorted(case['outputs'])}, got {sorted(got)}"]
    return [problem for name, want in case["outputs"].items() for problem in compare_weights(name, got[name], want["data"])]


OPS = {"ENorm": enorm}
