"""The op library's C face (native/core/c_api.h) for Python's ctypes: no NumPy, no TensorFlow."""

import ctypes
import json
import math

HOST, CUDA = 0, 1
MAX_RANK = 16


class NormTensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("rank", ctypes.c_int32), ("dims", ctypes.c_int64 * MAX_RANK)]


class NormAttribute(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("value", ctypes.c_double)]


class NormCall(ctypes.Structure):
    _fields_ = [
        ("op", ctypes.c_char_p),
        ("device", ctypes.c_int32),
        ("inputs", ctypes.POINTER(NormTensor)),
        ("input_count", ctypes.c_int32),
        ("attributes", ctypes.POINTER(NormAttribute)),
        ("attribute_count", ctypes.c_int32),
        ("outputs", ctypes.POINTER(NormTensor)),
        ("output_count", ctypes.c_int32),
        ("workspace", ctypes.c_void_p),
        ("workspace_bytes", ctypes.c_size_t),
        ("stream", ctypes.c_void_p),
        ("error", ctypes.c_char_p),
        ("error_size", ctypes.c_size_t),
    ]


class NormCounters(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_int64)
        for name in ("op_calls", "launches", "output_bytes", "temp_bytes", "live_bytes", "peak_bytes", "allocations")
    ]


class OpError(RuntimeError):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def set_tensor(slot, pointer, shape):
    slot.data = pointer
    slot.rank = len(shape)
    for axis, extent in enumerate(shape):
        slot.dims[axis] = extent


def output_count(declaration, input_count):
    """The tensors that a call with so many inputs gives: every list of an op has the same length."""
    lists = set(declaration["lists"])
    names, results = declaration["inputs"], declaration["outputs"]
    entries = 1
    if lists & set(names):
        single = sum(name not in lists for name in names)
        entries = (input_count - single) // (len(names) - single)
    return sum(entries if name in lists else 1 for name in results)


class Call:
    """One prepared op call: pointers fixed, so that `run` is a single foreign call (as a bench needs)."""

    def __init__(self, library, op, device, inputs, attributes):
        """inputs: [(pointer, shape)] in the op's order."""
        declaration = library.ops[op]
        self.library = library
        self.inputs = (NormTensor * max(len(inputs), 1))()
        for slot, (pointer, shape) in zip(self.inputs, inputs):
            set_tensor(slot, pointer, shape)
        self.attributes = (NormAttribute * max(len(attributes), 1))()
        for slot, (name, value) in zip(self.attributes, attributes.items()):
            slot.name, slot.value = name.encode(), float(value)
        self.outputs = (NormTensor * output_count(declaration, len(inputs)))()
        self.error = ctypes.create_string_buffer(1024)
        self.call = NormCall(
            op.encode(), device, self.inputs, len(inputs), self.attributes, len(attributes),
            self.outputs, len(self.outputs), None, 0, None, ctypes.cast(self.error, ctypes.c_char_p), len(self.error))
        self.reference = ctypes.byref(self.call)
        self.check(library.c.norm_infer(self.reference))
        self.output_shapes = [tuple(t.dims[: t.rank]) for t in self.outputs]

    def check(self, code):
        if code != 0:
            raise OpError(code, self.error.value.decode())

    def workspace_bytes(self):
        size = ctypes.c_size_t()
        self.check(self.library.c.norm_workspace_bytes(self.reference, ctypes.byref(size)))
        return size.value

    def bind(self, output_pointers, workspace=None, workspace_bytes=0, stream=None):
        for slot, pointer in zip(self.outputs, output_pointers):
            slot.data = pointer
        self.call.workspace, self.call.workspace_bytes, self.call.stream = workspace, workspace_bytes, stream
        return self

    def run(self):
        code = self.library.c.norm_run(self.reference)
        if code != 0:
            self.check(code)


class Library:
    def __init__(self, path):
        self.c = ctypes.CDLL(str(path))
        for name in ("norm_describe", "norm_devices", "norm_tensorflow", "norm_op_calls"):
            getattr(self.c, name).restype = ctypes.c_char_p
        for name in ("norm_infer", "norm_run"):
            getattr(self.c, name).argtypes = [ctypes.c_void_p]
        self.c.norm_workspace_bytes.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
        self.c.norm_malloc.argtypes = [ctypes.c_int32, ctypes.c_size_t, ctypes.POINTER(ctypes.c_void_p)]
        self.c.norm_free.argtypes = [ctypes.c_int32, ctypes.c_void_p]
        for name in ("norm_copy_to_device", "norm_copy_to_host"):
            getattr(self.c, name).argtypes = [ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
        self.description = json.loads(self.c.norm_describe())
        self.ops = {op["name"]: op for op in self.description["ops"]}

    def devices(self):
        return json.loads(self.c.norm_devices())

    def counters(self):
        counters = NormCounters()
        self.c.norm_counters(ctypes.byref(counters))
        return {name: getattr(counters, name) for name, _ in NormCounters._fields_}

    def reset_counters(self):
        self.c.norm_reset_counters()

    def _checked(self, code, what):
        if code != 0:
            raise OpError(code, f"{what} failed with code {code}")

    def run(self, op, device, inputs, attributes):
        """A whole call on Python data. inputs: [(flat float sequence, shape)]; gives [(list, shape)]."""
        buffers = []

        def allocate(count):
            pointer = ctypes.c_void_p()
            self._checked(self.c.norm_malloc(device, max(count, 1) * 4, ctypes.byref(pointer)), "norm_malloc")
            buffers.append(pointer)
            return pointer.value

        try:
            bound = []
            for values, shape in inputs:
                pointer = allocate(len(values))
                host = (ctypes.c_float * max(len(values), 1))(*values)
                self._checked(self.c.norm_copy_to_device(device, pointer, host, len(values) * 4), "norm_copy_to_device")
                bound.append((pointer, shape))
            call = Call(self, op, device, bound, attributes)
            pointers = [allocate(math.prod(shape)) for shape in call.output_shapes]
            call.bind(pointers).run()
            results = []
            for pointer, shape in zip(pointers, call.output_shapes):
                count = math.prod(shape)
                host = (ctypes.c_float * max(count, 1))()
                self._checked(self.c.norm_copy_to_host(device, host, pointer, count * 4), "norm_copy_to_host")
                results.append((list(host)[:count], shape))
            return results
        finally:
            for pointer in buffers:
                self.c.norm_free(device, pointer)
