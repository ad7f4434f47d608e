# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy==2.4.6", "torch==2.15.0"]
# ///
"""Makes the checkpoints the tests read, and what PyTorch itself reads from them.

Usage: python make_files.py    (writes crates/chartcode/tests/fixtures/pickle)
"""

import argparse
import collections
import io
import json
import os
import pathlib
import pickle
import zipfile

import numpy
import torch

HERE = pathlib.Path(__file__).resolve().parents[2] / "crates/chartcode/tests/fixtures/pickle"

NAMES = {
    torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.float64: "F64",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8",
    torch.uint8: "U8", torch.bool: "Bool",
}


def flatten(value, path, depth, out):
    """What the reader should find, worked out from the loaded object."""
    here = ".".join(path)
    if isinstance(value, torch.Tensor):
        if value.layout != torch.strided or value.dtype not in NAMES:
            out["ignored"].append(here)
            return
        flat = value.detach().contiguous().reshape(-1)
        out["tensors"][here] = {
            "dtype": NAMES[value.dtype],
            "shape": list(value.shape),
            "data": bytes(flat.view(torch.uint8).tolist()).hex() if flat.numel() else "",
        }
        if value.ndim == 0:
            out["scalars"][here] = float(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            flatten(item, [*path, str(key)], depth + 1, out)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            flatten(item, [*path, str(index)], depth + 1, out)
    elif isinstance(value, (bool, int, float, numpy.generic)):
        if depth <= 2:
            out["numbers"][here] = float(value)
    elif value is not None and not isinstance(value, (str, bytes)):
        out["ignored"].append(here)


def expect(name):
    loaded = torch.load(HERE / f"{name}.pt", weights_only=False)
    out = {"tensors": {}, "numbers": {}, "scalars": {}, "ignored": []}
    flatten(loaded, [], 0, out)
    (HERE / f"{name}.json").write_text(json.dumps(out, indent=1) + "\n")


def save(name, value, **how):
    torch.save(value, HERE / f"{name}.pt", **how)
    expect(name)


def types():
    torch.manual_seed(1)
    numbers = torch.randn(3, 2) * 3
    kinds = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64,
             torch.int32, torch.int16, torch.int8, torch.bool]
    out = {str(kind)[6:]: numbers.to(kind) for kind in kinds}
    out["uint8"] = torch.arange(250, 256, dtype=torch.uint8)
    out["empty"] = torch.zeros(0, 4)
    out["zero_d"] = torch.tensor(-1.5, dtype=torch.float16)
    return out


def views():
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    return {
        "whole": base,
        "row": base[2],
        "column": base[:, 1],
        "block": base[1:3, 2:5],
        "transposed": base.t(),
        "expanded": base[0, :3].unsqueeze(0).expand(4, 3),
        "one": base[3, 5],
        "steps": base[::2, ::3],
        "permuted": base.reshape(2, 3, 4).permute(2, 0, 1),
        "tied": base,
    }


def training(db):
    torch.manual_seed(2)
    model = torch.nn.Sequential(collections.OrderedDict(
        roberta=torch.nn.Linear(3, 2), norm=torch.nn.LayerNorm(2)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    model(torch.randn(4, 3)).sum().backward()
    optimizer.step()
    return {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scaler": {"scale": 65536.0, "growth_factor": 2.0, "_growth_tracker": 0},
        "scheduler": collections.defaultdict(list, {"milestones": collections.Counter([1, 2])}),
        "args": argparse.Namespace(lr=0.01, path=pathlib.PurePosixPath("/x")),
        "epoch": 7,
        "best": True,
        "history": [0.25, 0.5, (1, 2)],
        "name": "run",
        "seed": 2**100,
        "none": None,
        "rng": torch.arange(5, dtype=torch.uint8),
        "db": db,
    }


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/chartcode-was-here",)


def main():
    HERE.mkdir(exist_ok=True)
    old = {"_use_new_zipfile_serialization": False}
    for protocol in (2, 4, 5):
        save(f"training_p{protocol}", training(0.375), pickle_protocol=protocol)
        save(f"legacy_training_p{protocol}", training(numpy.float64(0.375)),
             pickle_protocol=protocol, **old)
        save(f"numpy_p{protocol}", {"db": numpy.float64(0.375), "f4": numpy.float32(1.5),
             "f2": numpy.float16(-0.5), "i8": numpy.int64(-9), "u1": numpy.uint8(200),
             "b": numpy.bool_(True), "big": numpy.dtype(">f8").type(0.25),
             "array": numpy.arange(3.0)}, pickle_protocol=protocol)
    save("legacy_training_p1", {"w": torch.ones(2), "n": 3, "x": 0.1, "s": 2**90},
         pickle_protocol=1, **old)
    save("training_db_tensor", training(torch.tensor(0.375, dtype=torch.float64)))
    save("types", types())
    save("legacy_types", types(), **old)
    save("views", views())
    save("legacy_views", views(), **old)

    tagged = torch.nn.Parameter(torch.ones(2))
    tagged.no_decay = True
    attributed = torch.arange(3.0)
    attributed.note = "attribute"
    save("parameters", collections.OrderedDict(
        plain=torch.nn.Parameter(torch.randn(2, 3)), frozen=torch.nn.Parameter(torch.ones(1), False),
        tagged=tagged, attributed=attributed, buffer=torch.nn.Buffer(torch.ones(2))))
    odd = {
        "sparse": torch.eye(3).to_sparse(),
        "complex": torch.ones(2, dtype=torch.complex64),
        "float8": torch.ones(2).to(torch.float8_e4m3fn),
        "uint16": torch.ones(2).to(torch.uint16),
        "quantized": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.quint8),
        "negated": torch.complex(torch.ones(2), torch.ones(2)).conj().imag,
        "storage": torch.ones(2).untyped_storage(),
        "set": {1, 2}, "size": torch.Size([1, 2]), "dtype": torch.float32,
        "device": torch.device("cpu"), "kept": torch.ones(2),
        ("a", "tuple"): torch.ones(1), 3: {4: torch.ones(1), True: 0.5}, "bytes": b"raw",
        "array": bytearray(b"x"), "frozen": frozenset([1]), "complex_number": 1j,
    }
    # What becomes of these is written down in the test, by hand.
    torch.save(odd, HERE / "odd.pt")
    torch.save(odd, HERE / "odd_p4.pt", pickle_protocol=4)
    sane = {key: item for key, item in odd.items() if key != "float8" and key != "uint16"}
    torch.save(sane, HERE / "legacy_odd.pt", **old)
    save("bare", torch.arange(3))

    module = torch.nn.Linear(2, 2)
    torch.save(module, HERE / "whole.pt")
    torch.save(module, HERE / "legacy_whole.pt", **old)
    torch.jit.script(module).save(str(HERE / "script.pt"))
    torch.save({"model": module, "epoch": 1}, HERE / "inner.pt")
    for protocol in (2, 4):
        torch.save({"w": torch.ones(1), "x": Evil()}, HERE / f"evil_p{protocol}.pt",
                   pickle_protocol=protocol)
    torch.save({"x": Evil()}, HERE / "legacy_evil.pt", **old)
    (HERE / "evil.pkl").write_bytes(pickle.dumps(Evil()))
    (HERE / "plain.pkl").write_bytes(pickle.dumps({"w": 1}))
    repack()


def repack():
    """The same checkpoint, compressed or said to be big-endian."""
    small = io.BytesIO()
    torch.save({"w": torch.ones(8), "epoch": 3}, small)
    (HERE / "small.pt").write_bytes(small.getvalue())
    expect("small")
    torch.save({"w": torch.ones(2), "epoch": 3}, HERE / "legacy_small.pt",
               _use_new_zipfile_serialization=False)
    expect("legacy_small")
    for name, method, order in [("deflated", zipfile.ZIP_DEFLATED, b"little"),
                                ("big", zipfile.ZIP_STORED, b"big"),
                                ("middle", zipfile.ZIP_STORED, b"middle")]:
        with zipfile.ZipFile(small) as old, zipfile.ZipFile(HERE / f"{name}.pt", "w", method) as new:
            for entry in old.namelist():
                data = order if entry.endswith("byteorder") else old.read(entry)
                new.writestr(entry, data)


if __name__ == "__main__":
    main()
