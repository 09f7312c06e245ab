"""One golden case in one layout: its forward and backward call, by the names that the library declares."""

from .values import EMPTY, compare, to_channels_first


class Run:

    def __init__(self, library, device, method, case, channels_first):
        self.library, self.device, self.method, self.case = library, device, method, case
        self.arrange = to_channels_first if channels_first else (lambda tensor: tensor)
        self.op = method.op(case)
        self.attributes = method.attributes(case, 1 if channels_first else -1)
        unknown = set(self.attributes) - self.declared(self.op) - self.declared(f"{self.op}Grad")
        if unknown:
            raise RuntimeError(f"{self.op} and its gradient declare no attribute {', '.join(sorted(unknown))}")
        self.problems = []
        self.compared = set()

    def declared(self, op):
        return {attribute["name"] for attribute in self.library.ops[op]["attributes"]}

    def given(self, name):
        """An op's input from the case, empty where the case has none."""
        golden = self.method.golden_name(name)
        tensor = self.case["inputs"].get(golden, EMPTY)
        if golden == "x":
            tensor = self.arrange(tensor)
        return tensor["data"], tensor["shape"]

    def call(self, op, tensors):
        """Runs the op on `tensors` by name, the rest from the case; gives its outputs by name."""
        declaration, known = self.library.ops[op], self.declared(op)
        attributes = {name: value for name, value in self.attributes.items() if name in known}
        inputs = [tensors[name] if name in tensors else self.given(name) for name in declaration["inputs"]]
        return dict(zip(declaration["outputs"], self.library.run(op, self.device, inputs, attributes)))

    def check(self, kind, name, golden, got):
        """Against `golden` of the case's outputs or grads, where it lists that."""
        want = self.case[kind].get(golden)
        if want is None:
            return
        self.compared.add((kind, golden))
        if golden in ("x", "y"):
            want = self.arrange(want)
        of_parameter = kind == "grads" and golden != "x"
        error = "y" if kind == "outputs" else "params" if of_parameter else "dx"
        kernel_error = self.case["float32KernelError"].get(error, 0.0)
        self.problems.append(compare(name, got[0], want["data"], kernel_error, of_parameter))

    def run(self):
        """Gives what differed, and what the case lists and no output was compared with."""
        saved = self.call(self.op, self.method.inputs(self.case))
        for name, got in saved.items():
            parts = self.method.rows.get(name, (self.method.golden_name(name),))
            size = len(got[0]) // len(parts)
            for i, part in enumerate(parts):
                self.check("outputs", name, part, (got[0][i * size:(i + 1) * size],))
        dy = self.arrange(self.case["gradOutput"])
        gradients = self.call(f"{self.op}Grad", {**saved, "dy": (dy["data"], dy["shape"])})
        for name, got in gradients.items():
            # dgamma is gamma's gradient. What a backward op gives beside gradients is state, such as new_u.
            if name.startswith("d"):
                self.check("grads", name, self.method.golden_name(name[1:]), got)
            else:
                self.check("outputs", name, self.method.golden_name(name), got)
        listed = {(kind, name) for kind in ("outputs", "grads") for name in self.case[kind]}
        left = listed - self.compared - {("outputs", name) for name in self.method.not_outputs}
        self.problems += [f"nothing was compared with {name} of the case's {kind}" for kind, name in sorted(left)]
        return [problem for problem in self.problems if problem]
