"""What the GPU bench runs: for each norm and shape, tensors with our calls bound to them, and PyTorch's calls."""

import itertools

import torch

from library import CUDA, Call
from peers import PEERS
from peers.peer import Setting, arguments_of, channels_last, make_tensors

# (norm, shape, also torch.compile): the first shape of every norm, then the second, for the time may not do for all.
SHAPES = [
    (name, *case)
    for cases in itertools.zip_longest(*([(name, case) for case in peer.gpu_shapes] for name, peer in PEERS.items()))
    for name, case in filter(None, cases)
]


class BufferSet:
    """One set of tensors of a case, with our forward and backward calls bound to it."""

    def __init__(self, library, norm, shape, generator):
        normal = lambda *s: torch.randn(*s, device="cuda", generator=generator)
        self.peer = PEERS[norm]
        self.setting = Setting(shape, groups=32, epsilon=1e-5, update_rate=0.1)
        self.tensors = make_tensors(self.peer, self.setting, normal)
        self.forward, self.outputs = self._bind(library, self.peer.op, self.tensors)
        if self.peer.has_gradient:
            self.backward, self.gradients = self._bind(
                library, f"{self.peer.op}Grad", {**self._named(library, self.outputs), **self.tensors})

    def _named(self, library, outputs):
        return dict(zip(library.ops[self.peer.op]["outputs"], outputs))

    def _bind(self, library, op, tensors):
        inputs, attributes = arguments_of(library, op, tensors, self.peer.attributes(self.setting))
        call = Call(library, op, CUDA, [(t.data_ptr(), tuple(t.shape)) for t in inputs], attributes)
        outputs = [torch.full(s, float("nan"), device="cuda") for s in call.output_shapes]
        size = call.workspace_bytes()
        workspace = torch.empty(size + 256, dtype=torch.uint8, device="cuda")
        aligned = (workspace.data_ptr() + 255) // 256 * 256
        call.bind([t.data_ptr() for t in outputs], aligned, size)
        call.keep = (inputs, outputs, workspace)
        return call, outputs

    def run(self, call):
        call.call.stream = torch.cuda.current_stream().cuda_stream
        call.run()

    def inputs(self):
        """x and the parameters, of PyTorch's function."""
        return [self.tensors[name] for name in ("x", *self.peer.parameters)]


def composite(norm):
    """The norm as PyTorch users write it, for eager autograd and for torch.compile: of a buffer set, x and parameters."""
    peer = PEERS[norm]
    return lambda b, *inputs: peer.torch(b.tensors, b.setting, *inputs)


def torch_calls(buffers, function):
    """(forward callables, backward callables) of a PyTorch function over the buffer sets; none of an op without a gradient."""
    forwards, backwards = [], []
    for b in buffers:
        forwards.append(lambda b=b: function(b, *b.inputs()))
        if not b.peer.has_gradient:
            continue
        wanted = [t.detach().requires_grad_() for t in b.inputs()]
        y = function(b, *wanted)
        dy = b.tensors["dy"]
        dy = dy if y.shape == dy.shape else dy.permute(0, -1, *range(1, dy.dim() - 1))
        backwards.append(lambda y=y, w=wanted, dy=dy: torch.autograd.grad(y, w, dy, retain_graph=True))
    return forwards, backwards


def relative_error(got, want):
    got, want = got.double(), want.double()
    return ((got - want).norm() / want.norm().clamp_min(1e-30)).item()


def verify(b):
    """Our outputs against PyTorch in float64 on the same data: relative L2 errors of y and, where there is a gradient, dx."""
    # Before our own call, which may move state.
    double = {name: tensor.double() for name, tensor in b.tensors.items()}
    b.run(b.forward)
    if b.peer.has_gradient:
        b.run(b.backward)
    torch.cuda.synchronize()
    x = double["x"].requires_grad_()
    y = b.peer.torch(double, b.setting, x, *(double[name] for name in b.peer.parameters))
    y = channels_last(y, x)
    errors = {"y": relative_error(b.outputs[0], y.detach())}
    if b.peer.has_gradient:
        (dx,) = torch.autograd.grad(y, x, double["dy"])
        errors["dx"] = relative_error(b.gradients[0], dx)
    return errors
