"""The `ecif` command: parse, call, print. Torch is imported only by the commands that compute."""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

import engine
from engine.config import RunConfig, help_of
from engine.errors import ConfigError, EcifError
from engine.finetune import command as finetune_command
from engine.options import field_options, given_options
from engine.runs import RunFolder, write_json

if TYPE_CHECKING:
    from engine.review import DecisionStore

DEFAULT_RUNS = "ecif_runs"
STOPPED = (0, -signal.SIGTERM, -signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGINT)


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 if it did what it says, 1 on an error a person can mend, 130 when interrupted."""
    console = Console(stderr=True)
    parser = _parser()
    options = parser.parse_args(arguments)
    # Threads that spin while they wait slow everything down when the dashboard or another run shares the cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    try:
        return options.command(options) or 0
    except EcifError as error:
        console.print(f"[bold red]ecif {options.command_name}:[/] ", end="")
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped. The same command resumes where it was.")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ecif", description="Find the image–caption pairs that make a CLIP-style model wrong."
    )
    parser.add_argument("--version", action="version", version=f"ecif {engine.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = _command(commands, "demo", _demo, "sample data → run → dashboard, everything offline")
    _serving_options(demo)
    demo.add_argument("--out", default=DEFAULT_RUNS, help="folder that holds the runs (default %(default)s)")

    check = _command(commands, "check", _check, "validate a data set: what is readable, what is not and why")
    check.add_argument("pairs", help=help_of("pairs"))
    check.add_argument("--rejects", help="write the rejected rows to this .csv")

    run = _command(commands, "run", _run, "score every pair; resumes where it stopped; prints the run folder")
    run.add_argument("config", nargs="?", help="a config.json that a run wrote, to replay it")
    field_options(run, RunConfig)

    tune = _command(
        commands, "finetune", finetune_command.main, "train heads, an adapter or all weights; keeps its batches"
    )
    finetune_command.add_options(tune)

    trace = _command(commands, "trace", _trace, "the training pairs behind one test prediction")
    trace.add_argument("run", help="run folder")
    trace.add_argument("--query", help="query id; without it, the wrong predictions are listed")
    trace.add_argument("--top", type=int, default=10, help="pairs shown per side (default %(default)s)")

    whatif = _command(commands, "whatif", _whatif, "the model without a set of pairs, predicted without retraining")
    _whatif_options(whatif)

    export = _command(commands, "export", _export, "write the decisions of a run to a file")
    export.add_argument("run", help="run folder")
    export.add_argument("--format", default="csv", help="csv")
    export.add_argument("--out", required=True, help="file to write")
    export.add_argument("--which", default="decided", choices=("decided", "all", "relabel", "drop"))
    _decisions_option(export)

    dashboard = _command(commands, "dashboard", _dashboard, "open the dashboard")
    dashboard.add_argument("runs", nargs="?", default=DEFAULT_RUNS, help="folder of runs (default %(default)s)")
    _serving_options(dashboard)

    evaluate = _command(commands, "evaluate", None, "measure a run against a known truth")
    kinds = evaluate.add_subparsers(required=True, metavar="EXPERIMENT")
    planted = _command(kinds, "planted", _planted, "detection and trace-back against planted errors")
    planted.add_argument("run", help="run folder of the data set with the planted errors")
    planted.add_argument("--truth", help="ground_truth.csv (default: the sample data's)")

    benchmark = _command(commands, "benchmark", _benchmark, "cost of each pass relative to one plain embedding pass")
    _benchmark_options(benchmark)

    _command(commands, "doctor", _doctor, "device, versions, and what is missing")
    return parser


def _command(commands, name, function, text) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(command=function, command_name=parser.prog.removeprefix("ecif "))
    return parser


def _decisions_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--decisions", help="SQLAlchemy URL or file (default $ECIF_DECISIONS, else decisions.sqlite beside the runs)"
    )


def _serving_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=8501, help="first port tried (default %(default)s)")
    parser.add_argument("--address", default="localhost", help="address to listen on (default %(default)s)")
    _decisions_option(parser)
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser window")


def _whatif_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", help="run folder")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--drop", metavar="FILE", help="pair ids: a .csv with a pair_id column, or one per line")
    what.add_argument("--dropped", action="store_true", help="the pairs with the decision drop")
    parser.add_argument(
        "--steps", type=int, default=4, help="Gauss–Newton steps; 1 is the closed form (default %(default)s)"
    )
    parser.add_argument("--out", metavar="FILE", help="write the outcome to this .json as well")
    parser.add_argument(
        "--save", metavar="FOLDER", help="write the edited model here: an adapter for the tier lora, else a model"
    )
    _decisions_option(parser)


def _benchmark_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", help="model to measure (default: the sample's)")
    parser.add_argument("--adapter", help="LoRA adapter (default: a fresh one on attention and MLP layers)")
    parser.add_argument("--pairs", type=int, default=256, help="pairs of noise (default %(default)s)")
    parser.add_argument("--batch-size", type=int, default=32, help="pairs per batch (default %(default)s)")
    parser.add_argument("--chunk-size", type=int, default=64, help="pairs in memory at once (default %(default)s)")
    parser.add_argument("--queries", type=int, default=8, help="queries asked together (default %(default)s)")
    parser.add_argument("--tiers", nargs="+", default=["lora"], choices=("lora", "all"), help="(default: lora)")
    parser.add_argument("--device", default="auto", help=help_of("device"))
    parser.add_argument("--dtype", default="float32", help=help_of("dtype"))
    parser.add_argument("--out", metavar="FILE", help="write the figures to this .json as well")


def _config(options: argparse.Namespace) -> RunConfig:
    given = given_options(options, RunConfig)
    if options.config:
        return dataclasses.replace(RunConfig.load(options.config), **given)
    missing = [f"--{name}" for name in ("pairs", "model") if name not in given]
    if missing:
        raise ConfigError(
            "--pairs and --model (or a config.json)", f"no {' and no '.join(missing)}", "See `ecif run --help`."
        )
    return RunConfig(**given)


def _run(options: argparse.Namespace) -> None:
    config = _config(options)
    from engine.pipeline import run
    from engine.reports import print_run

    folder = run(config, Console(stderr=True))
    print_run(folder)
    print(folder.path)


def _demo(options: argparse.Namespace) -> int:
    from engine.pipeline import run
    from engine.reports import print_run
    from engine.sample import demo_config

    config = demo_config(options.out)
    print_run(run(config, Console(stderr=True)))
    return _serve(options, config.out)


def _dashboard(options: argparse.Namespace) -> int:
    return _serve(options, options.runs)


def _serve(options: argparse.Namespace, runs: str) -> int:
    """Start the dashboard as its own process: the engine never imports it."""
    command = [
        sys.executable,
        "-m",
        "dashboard",
        "--runs",
        runs,
        "--port",
        str(options.port),
        "--address",
        options.address,
    ]
    command += ["--decisions", options.decisions] if options.decisions else []
    command += ["--no-browser"] if options.no_browser else []
    server = subprocess.Popen(command)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    try:
        code = server.wait()
    except KeyboardInterrupt:  # Ctrl+C reached the server as well
        code = server.wait()
    return 0 if code in STOPPED else code


def _check(options: argparse.Namespace) -> int:
    from engine.reports import print_check

    return print_check(options.pairs, options.rejects)


def _trace(options: argparse.Namespace) -> None:
    from engine.reports import print_trace, print_wrong_predictions

    if options.top < 1:
        raise ConfigError("--top to be at least 1", str(options.top), "Change it.")
    folder = RunFolder.open(options.run)
    if options.query:
        print_trace(folder, options.query, options.top)
    else:
        print_wrong_predictions(folder)


def _store(options: argparse.Namespace, folder: RunFolder) -> DecisionStore:
    from engine.review import DecisionStore

    return DecisionStore.open(
        options.decisions or os.environ.get("ECIF_DECISIONS") or folder.path.parent / "decisions.sqlite"
    )


def _whatif(options: argparse.Namespace) -> None:
    from engine.study import load_study
    from engine.what_if import check_new_folder, print_what_if, read_pair_ids, save_edited, summary, what_if

    folder = RunFolder.open(options.run)
    if options.dropped:
        decided = _store(options, folder).current()
        pair_ids = decided.loc[decided["verdict"] == "drop", "pair_id"].tolist()
    else:
        pair_ids = read_pair_ids(options.drop)
    if options.save:
        check_new_folder(options.save)
    found = what_if(load_study(folder), pair_ids, options.steps)
    print_what_if(found)
    if options.save:
        save_edited(found, Path(options.save))
        print(f"The edited weights are in {options.save}.")
    if options.out:
        write_json(Path(options.out), summary(found))


def _export(options: argparse.Namespace) -> None:
    from engine.review.exports import write_export

    folder = RunFolder.open(options.run)
    store = _store(options, folder)
    rows = write_export(folder, store, options.format, Path(options.out), options.which)
    print(f"{rows} rows written to {options.out}")


def _planted(options: argparse.Namespace) -> None:
    from engine.evaluate import print_planted
    from engine.sample import sample_folder

    truth = options.truth or sample_folder() / "ground_truth.csv"
    print_planted(RunFolder.open(options.run), truth)


def _benchmark(options: argparse.Namespace) -> None:
    from engine.benchmark.command import benchmark

    benchmark(options)


def _doctor(options: argparse.Namespace) -> int:
    from engine.doctor import print_doctor

    return print_doctor()
