"""``planb doctor``: what this machine can run, and how long the declared studies would take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from planb.cli.options import Json, Out, Quiet, print_json
from planb.data.terminal import Console, Table

if TYPE_CHECKING:
    from planb.study.running.forecast import Forecast
    from planb.study.running.machine import Machine
    from planb.study.running.probe import Speed

LITTLE_DISK, LITTLE_MEMORY = 5.0, 2.0
"""GiB: a sandbox study keeps about 3 GiB of checkpoints, and each worker takes about 1 GiB."""


def doctor(
    out: Out = Path("runs"),
    probe: Annotated[
        bool, typer.Option(help="Train a little for ten seconds, to say how long studies take.")
    ] = True,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say what this machine can run, and how long the declared studies would take here.

    Cores, bf16, GPUs, memory, disk, packages, and which keys are set (never their
    values). The times come from a ten-second probe that really trains, compared
    with a run that was timed. Nothing is kept, and nothing leaves the machine.

    Exit code 1 if a package that planb needs is missing.

    [dim]Example:[/]  planb doctor
    """
    from planb.study.running.machine import this_machine

    machine, console = this_machine(out), Console()
    if not json and not quiet:
        console.print(machine_table(machine))
    speed, found = _forecasts(machine, Console(stderr=True), quiet or json) if probe else (None, [])
    if json:
        print_json(_as_json(machine, speed, found))
    elif found and speed:
        console.print()
        console.print(forecast_table(found, speed))
    if machine.missing:
        text = f"missing: {', '.join(machine.missing)}. Install planb again: pip install planb"
        Console(stderr=True).print(text, style="red", markup=False)
        raise typer.Exit(1)


def _forecasts(machine: Machine, console: Console, silent: bool) -> tuple[Speed | None, list[Forecast]]:
    from planb.studies import STUDIES
    from planb.studies.sandbox import sandbox
    from planb.study.running.forecast import forecast
    from planb.study.running.probe import speed
    from planb.study.steps.pretrain import PretrainedBase
    from planb.study.steps.step import identities_once

    if not silent:
        console.print(f"\ntraining a little on {machine.cores} cores: half a minute ...", style="dim")
    (base,) = sandbox().bases
    assert isinstance(base, PretrainedBase)
    done = speed(base, machine.cores)
    with identities_once():
        studies = [declare() for declare in STUDIES.values()]
        return done, [
            forecast(one.name, one.steps(), len(one.seeds), machine.cores, done.updates)
            for one in studies
        ]


def machine_table(machine: Machine) -> Table:
    """A line for each thing that a study may need."""
    table = Table(show_header=False)
    table.add_column(style="bold", no_wrap=True)
    memory = f"{machine.memory:.1f} of {machine.memory_total:.1f} GiB free"
    if machine.memory < LITTLE_MEMORY:
        memory += " (little: use --jobs 1)"
    disk = f"{machine.disk:.1f} GiB free at {machine.folder}"
    if machine.disk < LITTLE_DISK:
        disk += " (little for a study's checkpoints: give --out a larger disk)"
    needed = [one for one in machine.packages if not one.use]
    shown = [f"{one.name} {one.version}" for one in needed if one.name in _SHOWN]
    there = f"{len(needed) - len(machine.missing)} of {len(needed)} that planb needs"
    more = [one for one in machine.packages if one.use]
    lines = [
        ("processor", f"{machine.processor}, {machine.cores} cores"),
        ("bf16", machine.bf16),
        ("GPUs", "; ".join(machine.gpus) or "none: the built-in world and smollm2 need none"),
        ("memory", memory),
        ("disk", disk),
        ("packages", f"{there}: {', '.join(shown)}"),
        *(("", f"{one.name} {one.version or 'not installed'}: {one.use}") for one in more),
        ("keys", ", ".join(f"{name} {'set' if there else 'not set'}" for name, there in machine.keys)),
    ]
    for name, text in lines:
        table.add_row(name, Text(text))
    return table


_SHOWN = ("torch", "transformers", "peft", "inspect-ai")


def forecast_table(found: list[Forecast], speed: Speed) -> Table:
    """A line a study: how long it would take here, and what that rests on."""
    from planb.study.running.forecast import KNOWN
    from planb.study.running.progress import about

    table = Table()
    for name, side in (("study", "left"), ("seeds", "right"), ("here", "left"), ("rests on", "left")):
        table.add_column(name, justify=side)  # type: ignore[arg-type]
    notes = dict.fromkeys(one.rests_on for one in found)
    marks = {note: chr(ord("a") + place) for place, note in enumerate(notes)}
    for one in found:
        words = about(one.seconds)
        if one.untimed:
            most = 2 * one.untimed < one.steps
            words = f"at least {words.removeprefix('about ')}" if most else "not known"
        table.add_row(one.study, str(one.seeds), words, f"({marks[one.rests_on]})")
    faster = speed.updates / KNOWN.updates
    table.caption = "\n".join(
        [
            f"The probe: {speed.updates:.1f} updates a second in each of {speed.processes} processes, "
            f"{faster:.1f} times the known run's {KNOWN.updates:.1f}.",
            f"The known run: {KNOWN.where}.",
            *(f"({mark}) {note}." for note, mark in marks.items()),
        ]
    )
    return table


def _as_json(machine: Machine, speed: Speed | None, found: list[Forecast]) -> dict[str, Any]:
    from planb.study.running.forecast import KNOWN

    facts = machine._asdict()
    facts["packages"] = {one.name: one.version for one in machine.packages}
    facts["keys_set"] = dict(facts.pop("keys"))
    facts["missing"] = list(machine.missing)
    if speed is None:
        return {"machine": facts}
    probe = {**speed._asdict(), "known_run": KNOWN.where, "known_updates": KNOWN.updates}
    return {"machine": facts, "probe": probe, "studies": [one._asdict() for one in found]}
