"""How the cases of a file of golden vectors become calls of an op and of its gradient."""

import dataclasses
import typing

# What golden files call the inputs and outputs of many ops; other names differ by their case alone.
NAMES = {
    "moving_mean": "runningMean",
    "moving_variance": "runningVar",
    "new_moving_mean": "newRunningMean",
    "new_moving_variance": "newRunningVar",
}


@dataclasses.dataclass(frozen=True)
class Method:
    # The forward op's name; a function of the case where it depends on that.
    forward: typing.Union[str, typing.Callable[[dict], str]]
    # Of the case and the channel axis: the forward op's attributes. Its gradient is given those that it declares.
    attributes: typing.Callable[[dict, int], dict]
    # An op's name for an input or output -> the golden file's name, where neither the case nor NAMES tells.
    names: dict = dataclasses.field(default_factory=dict)
    # Of the case: inputs of the forward op that the case does not list, by the op's names: (data, shape).
    inputs: typing.Callable[[dict], dict] = lambda case: {}
    # An op's output -> the golden outputs that are its rows, one after the other.
    rows: dict = dataclasses.field(default_factory=dict)
    # Golden outputs that the op does not give.
    not_outputs: tuple = ()
    # Whether the op normalizes the trailing axes, so that there is no channels-first layout.
    last_axes: bool = False

    def op(self, case):
        return self.forward if isinstance(self.forward, str) else self.forward(case)

    def golden_name(self, name):
        """moving_mean -> runningMean, mean_logits -> meanLogits."""
        known = {**NAMES, **self.names}
        if name in known:
            return known[name]
        first, *rest = name.split("_")
        return first + "".join(word.capitalize() for word in rest)
