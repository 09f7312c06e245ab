"""Timing on a GPU: CUDA graphs of round-robin calls over cold buffers, candidates interleaved, medians."""

import statistics

import torch

COLD_BYTES = 256 << 20  # more than three times the largest L2
MIN_SETS, MAX_SETS = 4, 64
REPLAYS = 20
TARGET_MS = 4.0  # one graph replay lasts at least about this long


def set_count(bytes_per_set):
    """How many rotating buffer sets keep the data cold."""
    return max(MIN_SETS, min(MAX_SETS, -(-COLD_BYTES // max(bytes_per_set, 1))))


class Candidate:
    """`functions`: one callable per buffer set, each only enqueueing work on the current stream."""

    def __init__(self, functions, graph=True):
        self.functions = functions
        self.samples = []
        self.calls = len(functions)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for function in functions:
                function()
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        once = self._time(lambda: [f() for f in functions])
        rounds = max(1, min(200, int(TARGET_MS / max(once, 1e-3))))
        self.calls *= rounds
        self.replay = lambda: [f() for _ in range(rounds) for f in functions]
        if graph:
            recorded = torch.cuda.CUDAGraph()
            with torch.cuda.graph(recorded):
                for _ in range(rounds):
                    for function in functions:
                        function()
            self.replay = recorded.replay

    @staticmethod
    def _time(run):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        end.synchronize()
        return start.elapsed_time(end)

    def sample(self):
        self.samples.append(self._time(self.replay) * 1000 / self.calls)

    def result(self):
        """Microseconds a call: median, fastest, and the spread of the middle half."""
        ordered = sorted(self.samples)
        quarter = len(ordered) // 4
        return {
            "median_us": statistics.median(ordered),
            "min_us": ordered[0],
            "spread_us": ordered[-1 - quarter] - ordered[quarter],
        }


def measure(factories):
    """`factories`: name -> function giving a Candidate. A candidate that fails is reported, not hidden."""
    candidates, results = {}, {}
    for name, factory in factories.items():
        try:
            candidates[name] = factory()
        except Exception as error:  # a peer may lack the op on this build: say so in the table
            torch.cuda.synchronize()
            results[name] = {"error": f"{type(error).__name__}: {str(error).splitlines()[0][:160]}"}
    for _ in range(2):
        for candidate in candidates.values():
            candidate.replay()
    torch.cuda.synchronize()
    for _ in range(REPLAYS):
        for candidate in candidates.values():
            candidate.sample()
    results.update({name: candidate.result() for name, candidate in candidates.items()})
    return results
