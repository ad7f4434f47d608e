"""Runs one engine on one workload, in a process of its own, and prints JSON.

    python worker.py --workload plm-icd --engine openvino-bf16 --work DIR --threads 2 --repeat 5
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import workloads

ENGINES = [
    "torch-f32", "torch-bf16", "onnxruntime-f32", "onnxruntime-int8",
    "openvino-f32", "openvino-bf16", "openvino-int8",
]  # fmt: skip
BLOCK = 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", choices=workloads.NAMES, required=True)
    parser.add_argument("--engine", choices=[*ENGINES, "prepare"], required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--chartcode", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    folder = arguments.work / arguments.workload
    torch.set_num_threads(arguments.threads)
    if arguments.engine == "prepare":
        workloads.prepare(arguments.workload, folder, arguments.chartcode)
        print(json.dumps({"bundle": str(workloads.bundle(arguments.workload, folder))}))
        return
    forward = engine(arguments.engine, arguments.workload, folder, arguments.threads)
    logits = np.asarray(forward(), dtype=np.float32).reshape(-1)
    np.save(folder / f"{arguments.engine}.npy", logits)
    seconds = []
    for _ in range(arguments.repeat):
        start = time.perf_counter()
        forward()
        seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_rss_mib": peak}))


def engine(name: str, workload: str, folder: Path, threads: int) -> Callable[[], np.ndarray]:
    """A forward pass from token ids (or hidden states) to logits."""
    library, precision = name.split("-")
    if library == "torch":
        return pytorch(workload, folder, precision)
    path = exported(workload, folder)
    _, inputs = workloads.module(workload, folder)
    feed = [tensor.numpy() for tensor in inputs]
    if library == "onnxruntime":
        return onnxruntime(path, feed, precision, threads)
    return openvino(path, feed, precision, threads)


def pytorch(workload: str, folder: Path, precision: str) -> Callable[[], np.ndarray]:
    """Scaled dot-product attention, inference mode; bf16 as weights and activations."""
    model, inputs = workloads.module(workload, folder)
    if precision == "bf16":
        model = model.bfloat16()
        inputs = tuple(x.bfloat16() if x.is_floating_point() else x for x in inputs)

    def forward() -> np.ndarray:
        with torch.inference_mode():
            # All scores of 74,879 labels at once take gigabytes and twice the time.
            out = model.in_blocks(*inputs, BLOCK) if workload == "head-75k" else model(*inputs)
            return out.float().numpy()

    return forward


def exported(workload: str, folder: Path) -> Path:
    """The module as ONNX, with the chart's own shapes: what peers do best with."""
    path = folder / "model.onnx"
    if not path.is_file():
        model, inputs = workloads.module(workload, folder)
        part = folder / "part.onnx"
        with torch.inference_mode():
            torch.onnx.export(model, inputs, part, dynamo=True, external_data=False, verbose=False)
        part.rename(path)
    return path


def onnxruntime(path: Path, feed: list[np.ndarray], precision: str, threads: int) -> Callable[[], np.ndarray]:
    """All graph optimisations; int8 is its dynamic quantisation, weights per channel."""
    import onnxruntime as ort
    from onnxruntime.quantization import QuantType, quantize_dynamic

    if precision == "int8":
        small = path.with_name("int8.onnx")
        if not small.is_file():
            quantize_dynamic(path, small, per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul", "Gemm"])
        path = small
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [node.name for node in session.get_inputs()]
    return lambda: session.run(None, dict(zip(names, feed, strict=True)))[0]


def openvino(path: Path, feed: list[np.ndarray], precision: str, threads: int) -> Callable[[], np.ndarray]:
    """Latency hint; int8 is NNCF's post-training quantisation, calibrated on the chart itself, the label head in bf16."""
    import openvino as ov

    core = ov.Core()
    model = core.read_model(path)
    if precision == "int8":
        small = path.with_name("int8.xml")
        if not small.is_file():
            import nncf

            data = nncf.Dataset([feed], lambda inputs: dict(enumerate(inputs)))
            products = [node.get_friendly_name() for node in model.get_ordered_ops() if node.get_type_name() == "MatMul"]
            # With the label attention quantised too, compilation fails (OpenVINO 2026.4).
            head = nncf.IgnoredScope(names=products[-4:] if "plm-icd" in path.parent.name else [])
            quantized = nncf.quantize(model, data, subset_size=1, ignored_scope=head)
            ov.save_model(quantized, small, compress_to_fp16=False)
        model = core.read_model(small)
    config = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    if precision != "int8":
        config["INFERENCE_PRECISION_HINT"] = precision
    compiled = core.compile_model(model, "CPU", config)
    request = compiled.create_infer_request()
    return lambda: request.infer(dict(enumerate(feed)))[compiled.outputs[0]]


if __name__ == "__main__":
    main()
