"""The training bench's network (model.mjs) in PyTorch, channels last: {sizes, batch, rounds, groups, threads} on stdin, prints
{version, device, ms: {size: median milliseconds of a step}}. On the GPU where there is one."""

import json
import statistics
import sys
import time

import torch
from torch import nn

CLASSES = 10
WIDTHS = [16, 32, 64]


def convolution(inputs, outputs, size, stride):
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride, groups):
        super().__init__()
        self.residual = nn.Sequential(
            convolution(inputs, outputs, 3, stride),
            nn.GroupNorm(groups, outputs),
            nn.ReLU(),
            convolution(outputs, outputs, 3, 1),
            nn.GroupNorm(groups, outputs),
        )
        same = stride == 1 and inputs == outputs
        shortcut = [convolution(inputs, outputs, 1, stride), nn.GroupNorm(groups, outputs)]
        self.shortcut = nn.Identity() if same else nn.Sequential(*shortcut)

    def forward(self, x):
        return torch.relu(self.residual(x) + self.shortcut(x))


def network(groups):
    layers = [convolution(3, WIDTHS[0], 3, 1), nn.GroupNorm(groups, WIDTHS[0]), nn.ReLU()]
    inputs = WIDTHS[0]
    for outputs in WIDTHS:
        layers.append(Block(inputs, outputs, 1 if outputs == WIDTHS[0] else 2, groups))
        inputs = outputs
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, CLASSES)]
    return nn.Sequential(*layers)


def time_steps(size, request, device):
    torch.manual_seed(1)
    model = network(request["groups"]).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    batch = request["batch"]
    x = torch.randn(batch, 3, size, size).to(device, memory_format=torch.channels_last)
    y = (torch.arange(batch) * 7 % CLASSES).to(device)
    samples = []
    for step in range(request["rounds"] + 3):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        loss.item()  # waits for the device, as trainOnBatch does
        if step >= 3:
            samples.append((time.perf_counter() - start) * 1000)
    return statistics.median(samples)


def main():
    request = json.load(sys.stdin)
    torch.set_num_threads(request["threads"])
    cuda = torch.cuda.is_available()
    device = torch.device("cuda" if cuda else "cpu")
    ms = {size: time_steps(size, request, device) for size in request["sizes"]}
    name = torch.cuda.get_device_name() if cuda else "the CPU"
    json.dump({"version": torch.__version__, "device": name, "ms": ms}, sys.stdout)


main()
