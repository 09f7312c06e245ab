"""Affine maps with given noise. What is drawn is checked by native/test/kernel_stochastic_cases.h."""

from ..values import compare_weights

NONE = ([], [0])
# Only without gradients and for the weights of the last axis, as the file has it.
PROJECTED = {"axis": -1, "epsilon": 2.0**-126}


def flat(tensor):
    return tensor["data"], tensor["shape"]


def pairs(tensor):
    """[N, 1, .., C] as [N, C]."""
    shape = tensor["shape"]
    return tensor["data"], shape if len(shape) == 1 else [shape[0], shape[-1]]


def run(library, device, case, op, parameters, of_gradient, noise, grads):
    """y and the gradients, in the order of the gradient op's outputs."""
    attributes = {"per_sample": int(case["attrs"]["granularity"] == "sample"), "given": 1}
    given = case["inputs"]
    x = flat(given["x"])
    drawn = [pairs(given[name]) for name in noise] + [NONE]
    values = lambda names: [flat(given[name]) for name in names]
    [(y, _)] = library.run(op, device, [x, *values(parameters), *drawn], attributes)
    dy = flat(case["gradOutput"])
    got = library.run(f"{op}Grad", device, [dy, x, *values(of_gradient), *drawn], attributes)
    problems = compare_weights("y", y, case["outputs"]["y"]["data"])
    for name, (values_of, _) in zip(grads, got, strict=True):
        if name in case["grads"]:
            problems += compare_weights(f"d{name}", values_of, case["grads"][name]["data"])
    return problems


def stochastic_affine(library, device, case):
    grads = ("x", "gamma", "beta", "U", "V")
    return run(library, device, case, "TfjsStochasticAffine", ("gamma", "beta"), ("gamma", ), ("U", "V"), grads)


def bayesian_affine(library, device, case):
    parameters = ("logScale", "rhoScale", "bias", "rhoBias")
    of_gradient = ("logScale", "rhoScale", "rhoBias")
    noise = ("epsScale", "epsBias")
    return run(library, device, case, "TfjsBayesianAffine", parameters, of_gradient, noise, ("x", *parameters))


def project_norm(library, device, case):
    kernel, outputs = flat(case["inputs"]["kernel"]), case["inputs"]["kernel"]["shape"][-1]
    gain = ([case["attrs"]["norm"]] * outputs, [outputs])
    y = library.run("TfjsWeightNorm", device, [kernel, gain], PROJECTED)[0][0]
    return compare_weights("y", y, case["outputs"]["y"]["data"])


def by_no_op(library, device, case):
    return None


OPS = {
    "AnalyticNormConv2D": by_no_op,
    "GaussianReluMoments": by_no_op,
    "BnNoiseDecomposition": by_no_op,
    "StochasticAffine": stochastic_affine,
    "BayesianAffine": bayesian_affine,
    "BayesianAffineKL": by_no_op,
    "BatchNoiseFromNormals": by_no_op,
    "ProjectNorm": project_norm,
}
