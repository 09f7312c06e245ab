"""What the GPU bench runs: shapes (channels-last, float32) and, for each norm, ours and PyTorch's calls."""

import torch
import torch.nn.functional as F

from library import CUDA, Call

EPSILON = 1e-5

# (norm, shape, also torch.compile). The compiled ones are few: each costs tens of seconds to compile.
SHAPES = [
    ("batch", (32, 112, 112, 64), True), ("batch", (32, 56, 56, 256), False), ("batch", (32, 28, 28, 128), False),
    ("batch", (32, 7, 7, 2048), False), ("batch", (256, 56, 56, 256), False),
    ("group", (32, 56, 56, 256), True), ("group", (2, 64, 64, 320), False), ("group", (2, 32, 32, 640), False),
    ("group", (32, 64, 64, 320), False), ("group", (1, 512, 512, 256), False), ("group", (2, 200, 304, 256), False),
    ("instance", (32, 56, 56, 256), True), ("instance", (1, 512, 512, 128), False),
    ("switchable", (32, 56, 56, 256), False), ("switchable", (2, 64, 64, 320), False),
    ("layer", (8192, 4096), True), ("layer", (50432, 768), True), ("layer", (200704, 96), False),
    ("layer", (4096, 5120), False), ("layer", (1024, 65536), False), ("layer", (128, 4096), False),
    ("rms", (8192, 4096), True), ("rms", (16384, 1024), False), ("rms", (2048, 16384), False),
]

# Minimal bytes an element: reads and writes that no kernel can avoid when the tensor does not stay on chip.
MODEL_BYTES = {
    "batch": (12, 20), "group": (12, 20), "instance": (12, 20), "switchable": (12, 20), "layer": (8, 12), "rms": (8, 12),
}


def attributes_of(norm, shape):
    channels = shape[-1]
    if norm == "batch":
        return "TfjsBatchNorm", {"epsilon": EPSILON}, {"update_rate": 0.1, "unbiased": 1}
    if norm in ("group", "instance"):
        groups = channels if norm == "instance" else 32
        return "TfjsGroupNorm", {"epsilon": EPSILON, "groups": groups}, {}
    if norm == "switchable":
        return "TfjsSwitchableNorm", {"epsilon": EPSILON}, {"update_rate": 0.1}
    if norm == "layer":
        return "TfjsLayerNorm", {"epsilon": EPSILON}, {}
    return "TfjsRmsNorm", {"epsilon": EPSILON}, {}


class BufferSet:
    """One set of tensors of a case, with our forward and backward calls bound to it."""

    def __init__(self, library, norm, shape, generator):
        self.norm, self.shape = norm, shape
        channels = shape[-1]
        normal = lambda *s: torch.randn(*s, device="cuda", generator=generator)
        self.x = normal(*shape) * 1.5 + 0.5
        self.dy = normal(*shape)
        self.gamma, self.beta = normal(channels) + 1, normal(channels)
        self.mean, self.variance = torch.zeros(channels, device="cuda"), torch.ones(channels, device="cuda")
        op, common, forward = attributes_of(norm, shape)
        empty = torch.empty(0, device="cuda")
        inputs = [self.x, self.gamma, empty if norm == "rms" else self.beta]
        state = []
        if norm == "switchable":
            state = [torch.zeros(3, device="cuda"), torch.ones(3, device="cuda"), self.mean, self.variance]
        elif norm == "batch":
            inputs += [self.mean, self.variance]
        inputs += state
        self.forward, self.outputs = self._bind(library, op, inputs, {**common, **forward})
        self.backward, self.gradients = self._bind(
            library, f"{op}Grad", [self.dy, self.x, self.gamma, *state, self.outputs[-1]], common)

    def _bind(self, library, op, inputs, attributes):
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

    def nchw(self, tensor):
        """A channels-first view of channels-last memory: what PyTorch calls channels_last."""
        return tensor.permute(0, 3, 1, 2)


def switchable(b, x, gamma, beta):
    """Equal weights, as a new layer has them."""
    own_var, own = torch.var_mean(x, (1, 2), correction=0, keepdim=True)
    means, variances = [own], [own_var]
    for axis in (3, 0):
        mean = own.mean(axis, keepdim=True)
        means.append(mean)
        variances.append((own_var + (own - mean) ** 2).mean(axis, keepdim=True))
    rho = torch.rsqrt(sum(variances) / 3 + EPSILON)
    return b.nchw((x - sum(means) / 3) * rho * gamma + beta)


def composite(norm, channels):
    """The norm as PyTorch users write it, for eager autograd and for torch.compile."""
    if norm == "batch":
        return lambda b, x, g, o: F.batch_norm(b.nchw(x), b.mean, b.variance, g, o, True, 0.1, EPSILON)
    if norm in ("group", "instance"):
        groups = channels if norm == "instance" else 32
        return lambda b, x, g, o: F.group_norm(b.nchw(x), groups, g, o, EPSILON).contiguous(
            memory_format=torch.channels_last)
    if norm == "switchable":
        return switchable
    if norm == "layer":
        return lambda b, x, g, o: F.layer_norm(x, x.shape[-1:], g, o, EPSILON)
    return lambda b, x, g, o: F.rms_norm(x, x.shape[-1:], g, EPSILON)


def torch_calls(buffers, function):
    """(forward callables, backward callables) of a PyTorch function over the buffer sets."""
    forwards, backwards = [], []
    for b in buffers:
        x, gamma, beta = (t.detach().requires_grad_() for t in (b.x, b.gamma, b.beta))
        wanted = (x, gamma) if b.norm == "rms" else (x, gamma, beta)
        y = function(b, x, gamma, beta)
        dy = b.nchw(b.dy) if b.dy.dim() == 4 else b.dy
        forwards.append(lambda b=b: function(b, b.x, b.gamma, b.beta))
        backwards.append(lambda y=y, w=wanted, dy=dy: torch.autograd.grad(y, w, dy, retain_graph=True))
    return forwards, backwards


def relative_error(got, want):
    got, want = got.double(), want.double()
    return ((got - want).norm() / want.norm().clamp_min(1e-30)).item()


def verify(b):
    """Our outputs against PyTorch in float64 on the same data: relative L2 errors of y and dx."""
    function = composite(b.norm, b.shape[-1])
    b.run(b.forward)
    b.run(b.backward)
    torch.cuda.synchronize()
    x = b.x.double().requires_grad_()
    double = BufferSet.__new__(BufferSet)
    double.norm, double.mean, double.variance = b.norm, b.mean.double(), b.variance.double()
    y = function(double, x, b.gamma.double(), b.beta.double())
    y_last = y.permute(0, 2, 3, 1) if x.dim() == 4 else y
    (dx,) = torch.autograd.grad(y_last, x, b.dy.double())
    return {"y": relative_error(b.outputs[0], y_last.detach()), "dx": relative_error(b.gradients[0], dx)}
