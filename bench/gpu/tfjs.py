"""tfjs-node on this machine's GPU, for scripts/gpu-check --tensorflow: runs the program of scripts/gpu-program.mjs.

`runtime` holds bin/node, lib/libtensorflow_cc.so.2, lib/libtensorflow_framework.so.2 and lib/libcudart.so.12. The other
CUDA libraries that TensorFlow opens come from there too, or from NVIDIA's packages in this Python's environment.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

TFJS_NODE = "node_modules/@tensorflow/tfjs-node"
TENSORFLOW = {"libtensorflow_cc.so.2": ("libtensorflow.so", "libtensorflow.so.2", "libtensorflow_cc.so.2"),
              "libtensorflow_framework.so.2": ("libtensorflow_framework.so", "libtensorflow_framework.so.2")}
# What TensorFlow opens, and what stands in for it where an environment has CUDA 13: TensorFlow really calls cuBLAS and
# cuDNN; cuFFT, cuSOLVER and cuSPARSE only have to load.
CUDA = {"libcudart.so.12": (), "libcublas.so.12": ("libcublas.so.13",), "libcublasLt.so.12": ("libcublasLt.so.13",),
        "libcudnn.so.9": (), "libcufft.so.11": ("libcufft.so.12",), "libcusolver.so.11": ("libcusolver.so.12",),
        "libcusparse.so.12": (), "libcupti.so.12": ("libcupti.so.13",), "libnccl.so.2": ()}


# TensorFlow compiles some of its kernels (sqrt, exp) at run time with this file of a CUDA toolkit, which it looks for in
# the folder nvidia/cuda_nvcc beside its own.
LIBDEVICE = "nvvm/libdevice/libdevice.10.bc"


class Problem(RuntimeError):
    """What is missing, with what to do."""


def link(target, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def cuda_folders(runtime):
    sites = [pathlib.Path(entry) / "nvidia" for entry in sys.path if entry.endswith("-packages")]
    return [runtime / "lib", *(lib for site in sites for lib in sorted(site.glob("*/lib")))]


def link_cuda(runtime, folder):
    """Links what there is into `folder` under the names that TensorFlow asks for; {name: file, or None}."""
    found = {}
    for name, others in CUDA.items():
        files = [lib / other for other in (name, *others) for lib in cuda_folders(runtime)]
        found[name] = next((file for file in files if file.exists()), None)
        if found[name] is not None:
            link(found[name].resolve(), folder / name)
    return found


def toolkit(runtime):
    """A folder with libdevice: a CUDA toolkit, or NVIDIA's packages; None where there is none."""
    nvcc = shutil.which("nvcc")
    folders = [os.environ.get("CUDA_HOME"), nvcc and pathlib.Path(nvcc).resolve().parent.parent, "/usr/local/cuda",
               *(lib.parent for lib in cuda_folders(runtime))]
    return next((pathlib.Path(f) for f in folders if f and (pathlib.Path(f) / LIBDEVICE).exists()), None)


class Tfjs:
    """The program in `program`, over `runtime`, with the op library `library`."""

    def __init__(self, program, runtime, library, emulated):
        self.program, self.runtime, self.library, self.emulated = program, runtime, library, emulated
        self.libraries = program / "libraries"
        self.notes = []
        self.search = [library.parent / "stand-in"] if emulated else [program / "cuda"]
        for needed in (program / "program.js", runtime / "bin/node", *(runtime / "lib" / name for name in TENSORFLOW)):
            if not needed.exists():
                fix = ("make it with `node scripts/gpu-program.mjs` in a built checkout and bring the folder here"
                       if needed.name == "program.js" else "see docs/gpu-check.md for what the folder holds")
                raise Problem(f"{needed} is missing: {fix}")

    def prepare(self):
        for name, names in TENSORFLOW.items():
            for alias in names:
                link((self.runtime / "lib" / name).resolve(), self.program / TFJS_NODE / "deps/lib" / alias)
        found = toolkit(self.runtime)
        if found is None:
            self.notes.append(f"no {LIBDEVICE} of a CUDA toolkit: TensorFlow cannot compile sqrt, exp and others")
        else:
            link(found.resolve(), self.program / TFJS_NODE / "deps/nvidia/cuda_nvcc")
        self.libraries.mkdir(exist_ok=True)
        # The loader looks for the stream library beside the op library, by its real path.
        for file in (self.library, self.program / "tfjs_cuda_norm.node", self.program / "libtfjs_cuda_norm_stream.so"):
            shutil.copy2(file, self.libraries / file.name)
        if self.emulated:
            self.notes.append("over the stand-in driver TensorFlow's own kernels compute nothing: the times say nothing of a GPU")
            return
        for name, file in link_cuda(self.runtime, self.program / "cuda").items():
            # They open others of their own beside themselves (cuDNN's parts, cuBLAS's cublasLt), which a link hides.
            if file is not None and file.resolve().parent not in self.search:
                self.search.append(file.resolve().parent)
            if file is None:
                self.notes.append(f"{name} not found")
            elif file.name != name:
                self.notes.append(f"{name} is {file.name} of another CUDA release")

    def environment(self, **extra):
        inherited = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES" or not self.emulated}
        driver = {"GPU_CHECK_MODEL": "norms",
                  "GPU_CHECK_DRIVER": str(self.library.parent / "stand_in.node")} if self.emulated else {}
        return {**inherited, **driver, "TF_CPP_MIN_LOG_LEVEL": "3" if self.emulated else "1",
                "TF_FORCE_GPU_ALLOW_GROWTH": "true", "TFJS_CUDA_NORM_LIBRARY_DIR": str(self.libraries),
                "LD_LIBRARY_PATH": ":".join(map(str, [*self.search, self.runtime / "lib"])), **extra}

    def run(self, device, parts, timeout=400):
        """What the program reports on a device of ours; raises with its last lines when it fails."""
        result = subprocess.run([str(self.runtime / "bin/node"), str(self.program / "program.js")], capture_output=True,
                                text=True, timeout=timeout,
                                env=self.environment(TFJS_CUDA_NORM_DEVICE=device, GPU_CHECK_PARTS=parts))
        found = re.search(r"^report:(\{.*\})$", result.stdout, re.M)
        if result.returncode == 0 and found:
            return json.loads(found[1])
        lines = (result.stdout + result.stderr).strip().splitlines()
        errors = [line for line in lines if re.match(r"\w*Error|Message: ", line)]
        last = errors[:3] or lines[-12:]
        raise Problem(f"the program ended with {result.returncode}:\n" + "\n".join("  " + line for line in last))

    def check(self):
        """(whether all is well, one line, the results)."""
        self.prepare()
        native = self.run("emulated" if self.emulated else "cuda", "ops,step,memory")
        composed = self.run("composed", "step")
        results = {"native": native, "composed": {"step": composed["step"]}, "notes": self.notes}
        wrong = [f"{op['name']}: {op.get('reason') or op['error']}" for op in native["ops"] if not op["ok"]]
        if not native["gpu"] or not composed["gpu"]:
            wrong.insert(0, "TensorFlow has no GPU (TF_CPP_MIN_LOG_LEVEL=0 TF_CPP_MAX_VLOG_LEVEL=1 names what it lacks)")
        if not native["ops"]:
            wrong.append("no op was compared")
        if native["step"]["nativeOps"] == 0 or composed["step"]["nativeOps"] != 0:
            wrong.append("the steps do not differ in their ops")
        if not native["memory"]["ok"]:
            wrong.append(f"memory over {native['memory']['steps']} steps: {native['memory']}")
        for line in wrong:
            print("  " + line)
        return not wrong, f"{len(native['ops'])} ops, {len(wrong)} problems", results


def markdown(results):
    native, composed = results["native"], results["composed"]
    name = (native.get("devices") or {}).get("devices") or [{}]
    copies = native["step"]["copies"]
    lines = ["## tfjs-node on the GPU", "",
             f"TensorFlow {native['tensorflow']['version']}, {name[0].get('name', 'no device')}; "
             f"ops of this package on `{native['device']['device']}`.", "",
             "| training step | ms | TensorFlow ops | of these ours | copies in / out |", "|---|---|---|---|---|"]
    for title, step in (("native", native["step"]), ("composed", composed["step"])):
        moved = f"{step['copies']['toDevice']} / {step['copies']['toHost']}" if step["copies"] else "not counted"
        lines.append(f"| {title} | {step['milliseconds']:.2f} | {step['tensorflowOps']} | {step['nativeOps']} | {moved} |")
    memory = native["memory"]
    held = "not told by the driver" if memory["deviceBytes"] is None else f"{memory['deviceBytes']} bytes"
    lines += ["", f"Over {memory['steps']} steps: {memory['tensors']} tensors more, device memory {held} more.", ""]
    if not copies:
        lines += ["Copies are not counted: NVIDIA's driver does not tell a process of its copies; `nsys` shows them.", ""]
    lines += [*(f"- {note}" for note in results["notes"]), ""]
    lines += ["| op | largest difference from the host |", "|---|---|"]
    for op in native["ops"]:
        shown = op.get("reason") or ("not a number" if op["error"] is None else f"{op['error']:.1e}")
        lines.append(f"| {op['name']} | {shown}{'' if op['ok'] else ' **FAILED**'} |")
    return "\n".join(lines)
