"""Times chartcode and other inference engines on the same machine, weights and charts.

    python scripts/peers/compare.py --work DIR

sets up a virtual environment in DIR (once; needs the package index), draws the weights, exports
them, runs all engines in turn, round after round, each in a process of its own, and prints a table
for each workload: median seconds, tokens a second, peak memory, and the largest difference of any
logit from PyTorch's in f32. DIR needs 15 GB, the whole about half an hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORKLOADS = {
    "plm-icd": ("PLM-ICD, RoBERTa-base, 7,942 labels, one chart of 3,072 tokens", 3072),
    "plm-icd-short": ("the same, one note of 128 tokens", 128),
    "classifier": ("BERT-base, 50 labels, one chart of 512 tokens", 512),
    "default": ("the default bundle on a discharge summary: peers run the encoder alone, chartcode the whole route", 875),
    "head-75k": ("label attention alone, 74,879 labels, 3,072 tokens", 3072),
}
OURS = ["chartcode-f32", "chartcode-bf16", "chartcode-int8"]
PEERS = [
    "torch-f32", "torch-bf16", "onnxruntime-f32", "onnxruntime-int8",
    "openvino-f32", "openvino-bf16", "openvino-int8",
]  # fmt: skip


class Failed(Exception):
    """A command that did not succeed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="a scratch folder")
    parser.add_argument("--venv", type=Path, help="an environment with requirements.txt; DIR/venv by default")
    parser.add_argument("--chartcode", type=Path, default=ROOT / "target" / "release" / "chartcode")
    parser.add_argument("--only", nargs="+", choices=list(WORKLOADS), default=list(WORKLOADS), metavar="WORKLOAD")
    parser.add_argument("--engines", nargs="+", choices=[*OURS, *PEERS], default=[*OURS, *PEERS], metavar="ENGINE")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=5, help="forward passes a round, behind one to warm up")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if not arguments.chartcode.is_file():
        sys.exit(f"{arguments.chartcode} is not there: cargo build --release makes it, or name it with --chartcode")
    arguments.work = arguments.work.resolve()
    arguments.python = environment(arguments)
    results = {}
    for workload in arguments.only:
        results[workload] = compare(workload, arguments)
        print(table(workload, results[workload], arguments), flush=True)
        (arguments.work / "results.json").write_text(json.dumps(results, indent=1), encoding="utf-8")


def environment(arguments: argparse.Namespace) -> Path:
    """A Python that has the peers."""
    folder = arguments.venv or arguments.work / "venv"
    python = folder / "bin" / "python"
    if not python.is_file():
        print(f"setting up {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"], check=True)
    return python


def compare(workload: str, arguments: argparse.Namespace) -> dict:
    """All engines in turn, round after round."""
    bundle = Path(worker(workload, "prepare", arguments)["bundle"])
    engines = [engine for engine in arguments.engines if workload != "head-75k" or not engine.startswith(("onnx", "open"))]
    found = {engine: {"seconds": [], "peak_rss_mib": 0.0} for engine in engines}
    for turn in range(arguments.rounds):
        for engine in list(engines):
            print(f"{workload}: round {turn + 1} of {arguments.rounds}, {engine}", file=sys.stderr, flush=True)
            try:
                run = ours(workload, engine, bundle, arguments) if engine in OURS else worker(workload, engine, arguments)
            except Failed as error:
                if engine in OURS:
                    raise
                # A peer that cannot run a model is told of, and the others go on.
                print(f"{engine} failed: {error}", file=sys.stderr)
                engines.remove(engine)
                del found[engine]
                continue
            found[engine]["seconds"] += run["seconds"]
            found[engine]["peak_rss_mib"] = max(found[engine]["peak_rss_mib"], run["peak_rss_mib"])
    if workload != "default":
        for engine in engines:
            found[engine]["logits"] = difference(workload, engine, bundle, arguments)
    return found


def worker(workload: str, engine: str, arguments: argparse.Namespace) -> dict:
    options = ["--workload", workload, "--engine", engine, "--work", arguments.work, "--chartcode", arguments.chartcode]
    options += ["--threads", arguments.threads, "--repeat", arguments.repeat]
    return json.loads(output([arguments.python, HERE / "worker.py", *options]).splitlines()[-1])


def ours(workload: str, engine: str, bundle: Path, arguments: argparse.Namespace) -> dict:
    """`chartcode bench`, tokenising included; of the head alone its own stage."""
    note = arguments.work / workload / "note.txt"
    options = ["-q", "--bundle", bundle, "--precision", engine.split("-")[1], "--threads", arguments.threads]
    if workload != "head-75k":
        run = json.loads(output([arguments.chartcode, "bench", *options, "--rounds", arguments.repeat, "--format", "json", note]))
        return run
    runs = [json.loads(output([arguments.chartcode, "bench", *options, "--rounds", 1, "--format", "json", note])) for _ in range(2)]
    return {"seconds": [run["stages"]["head"] for run in runs], "peak_rss_mib": max(run["peak_rss_mib"] for run in runs)}


def difference(workload: str, engine: str, bundle: Path, arguments: argparse.Namespace) -> dict:
    """The largest and the root mean square difference of logits from PyTorch's f32, and their spread."""
    folder = arguments.work / workload
    if engine.startswith("chartcode"):
        options = ["-q", "--bundle", bundle, "--precision", engine.split("-")[1], folder / "note.txt"]
        logits = json.loads(output([arguments.chartcode, "scores", *options]))["logits"]
        (folder / f"{engine}.json").write_text(json.dumps(logits), encoding="utf-8")
    if not (folder / "torch-f32.npy").is_file():
        return {}
    program = (
        "import json,sys,numpy as np; r=np.load(sys.argv[1]).astype(float); p=sys.argv[2]; "
        "x=np.load(p) if p.endswith('npy') else np.array(json.load(open(p))); d=np.abs(x-r); "
        "print(json.dumps({'largest':d.max(),'rms':float((d*d).mean()**.5),'spread':r.std()}))"
    )
    path = folder / (f"{engine}.json" if engine.startswith("chartcode") else f"{engine}.npy")
    return json.loads(output([arguments.python, "-c", program, folder / "torch-f32.npy", path]))


def output(command: list) -> str:
    """What a command prints; its errors are shown where it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"{' '.join(map(str, command))}\n{done.stderr[-2000:]}")
    return done.stdout


def table(workload: str, found: dict, arguments: argparse.Namespace) -> str:
    """Markdown, the fastest last."""
    title, tokens = WORKLOADS[workload]
    lines = [f"\n### {title}\n", f"{arguments.rounds} alternating rounds, {arguments.threads} threads.\n"]
    lines += ["| engine | median s | (least to most) | tokens/s | peak MiB | largest logit difference |", "|---|---|---|---|---|---|"]
    for engine, run in sorted(found.items(), key=lambda item: -statistics.median(item[1]["seconds"])):
        seconds = run["seconds"]
        median = statistics.median(seconds)
        logits = run.get("logits") or {}
        off = f"{logits['largest']:.2g} of a spread of {logits['spread']:.2g}" if logits else ""
        span = f"{min(seconds):.4g} to {max(seconds):.4g}"
        lines.append(f"| {engine} | {median:.4g} | {span} | {tokens / median:,.0f} | {run['peak_rss_mib']:,.0f} | {off} |")
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        main()
    except Failed as error:
        sys.exit(str(error))
