"""One norm: our op with its attributes and tensors, and the same in PyTorch."""

import dataclasses
import typing

import torch


@dataclasses.dataclass(frozen=True)
class Setting:
    shape: tuple  # of x, channels last
    groups: int
    epsilon: float
    update_rate: float

    @property
    def channels(self):
        return self.shape[-1]


@dataclasses.dataclass(frozen=True)
class Peer:
    op: str
    # Of the setting: the forward op's attributes. Its gradient is given those that it declares.
    attributes: typing.Callable[[Setting], dict]
    # (tensors, setting, x, *parameters) -> y. x is channels last in memory and shape; y may be a channels-first view.
    torch: typing.Callable
    # Read and written at least, forward and backward, when the tensor does not stay on chip; of an op without a gradient
    # forward alone.
    bytes_per_element: tuple
    # (setting, normal) -> inputs of the op beside those of `make_tensors`, or in their place.
    tensors: typing.Callable = lambda setting, normal: {}
    # Those that have gradients beside x.
    parameters: tuple = ("gamma", "beta")
    # What the GPU bench runs: (shape, also torch.compile). The compiled ones are few: each costs tens of seconds.
    gpu_shapes: tuple = ()

    @property
    def has_gradient(self):
        return len(self.bytes_per_element) == 2


def make_tensors(peer, setting, normal):
    """The inputs of the op and its gradient by their names; `normal` makes a random tensor of a shape."""
    channels = setting.channels
    mean, variance = normal(channels) * 0, normal(channels) * 0 + 1
    return {
        "x": normal(*setting.shape) * 1.5 + 0.5,
        "dy": normal(*setting.shape),
        "gamma": normal(channels) + 1,
        "beta": normal(channels),
        "moving_mean": mean,
        "moving_variance": variance,
        "mean": mean,
        "variance": variance,
        **peer.tensors(setting, normal),
    }


def arguments_of(library, op, tensors, attributes):
    """(inputs in the op's order, the attributes that it declares)."""
    declaration = library.ops[op]
    declared = {attribute["name"] for attribute in declaration["attributes"]}
    inputs = [tensors[name] for name in declaration["inputs"]]
    return inputs, {name: value for name, value in attributes.items() if name in declared}


def channels_first(x):
    """A channels-first view of channels-last memory: what PyTorch calls channels_last."""
    return x.permute(0, -1, *range(1, x.dim() - 1)) if x.dim() > 2 else x


def channels_last(y, like):
    """y of `Peer.torch` in the layout of x."""
    return y if y.shape == like.shape else y.permute(0, *range(2, y.dim()), 1)


def empty(normal):
    """An input that is not used."""
    return normal(0)


def contiguous_as_it_was(y):
    """Channels last in memory, where PyTorch's op gave channels first."""
    return y.contiguous(memory_format=torch.channels_last) if y.dim() == 4 else y
