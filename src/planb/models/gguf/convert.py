"""A GGUF file -> a Hugging Face folder: converted, read again, and compared before it is there."""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple

from filelock import FileLock, Timeout

from planb.errors import PlanBError
from planb.models.cards import CARD, Card, open_as_others
from planb.models.gguf.configuration import configuration
from planb.models.gguf.header import Header, read_header
from planb.models.gguf.tokenizer import SAMPLES, check_texts, tokenizer_of

Precision = Literal["fp32", "bf16"]
CLOSE = 1e-4
"""Largest difference of two log-probabilities that are taken for equal: sums in another order."""
HARDLY_BETTER = 0.75
"""Of ln(vocabulary): a model that needs more nats for a token of plain English was not read rightly,
or never trained."""
PLAIN = (
    "There are seven days in a week:\n\n1. Monday\n2. Tuesday\n3. Wednesday\n4. Thursday\n5. Friday\n"
    "6. Saturday\n7. Sunday\n\nA year has twelve months, and the first of them is January."
)
Say = Callable[[str], None]


class Converted(NamedTuple):
    """What was made: ``weights`` are numbers, ``pre`` says what became of the pre-tokenizer,
    ``difference`` is the largest of the log-probabilities, over ``compared`` tokens, ``nats`` the mean
    surprise of a token of plain English; ``warnings`` are for the user to read."""

    folder: Path
    title: str
    architecture: str
    licence: str
    weights: int
    precision: Precision
    pre: str
    difference: float
    compared: int
    nats: float
    warnings: tuple[str, ...]


def convert(file: Path, out: Path, precision: Precision = "fp32", say: Say = print) -> Converted:
    """Convert a GGUF file to a folder of safetensors, which is there when everything in it agrees.

    Quantized weights are computed back to float32, or rounded to bf16. Raises PlanBError, with the
    reason, where ``out`` exists, where the file cannot be read or needs what transformers leaves out,
    and where the folder that was written does not give the model of the file.
    """
    file, out = file.expanduser().absolute(), out.expanduser().absolute()
    _must_not_exist(out)
    scratch = out.with_name(f".{out.name}.partial")
    lock = FileLock(out.with_name(f".{out.name}.lock"), timeout=0)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with lock:
            shutil.rmtree(scratch, ignore_errors=True)  # of a conversion that was killed
            try:
                made = _converted(file, scratch, precision, say)
                _must_not_exist(out)
                scratch.rename(out)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
                Path(lock.lock_file).unlink(missing_ok=True)
    except Timeout:
        raise PlanBError(f"{out} is being made by another run: wait for it") from None
    except OSError as error:
        raise PlanBError(f"cannot write {out}: {error.strerror or error}") from error
    return made._replace(folder=out)


def _must_not_exist(out: Path) -> None:
    if out.exists():
        raise PlanBError(f"{out} exists, and is not overwritten: name another folder, or remove it")


def _converted(file: Path, folder: Path, precision: Precision, say: Say) -> Converted:
    say(f"reading {file.name}")
    header = read_header(file)
    tokenizer, pre = tokenizer_of(header)
    check_texts(tokenizer)
    say(f"{header.title} ({header.architecture}): reading {header.weights / 1e6:,.1f} million weights")
    model = _model_of(header, precision)
    if not model.config.vocab_size >= len(tokenizer):
        raise PlanBError(
            f"{file} has {len(tokenizer)} tokens, and weights for {model.config.vocab_size} only"
        )
    say(f"writing {precision} safetensors")
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    card = Card(
        what=f"{header.title}, converted from a GGUF file", made_with=_made_with(file, precision)
    )
    (folder / CARD).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    open_as_others(folder, CARD)
    say("reading them again, and comparing log-probabilities")
    difference, compared, nats = _compare(model, tokenizer, folder)
    warnings = []
    if not tokenizer.chat_template:
        warnings.append("the file holds no chat template, and planb's studies need one")
    if nats > HARDLY_BETTER * math.log(len(tokenizer)):
        warnings.append(
            f"this model finds plain English hardly likelier than chance ({nats:.1f} nats a token): it "
            "was never trained, or its file was not read rightly"
        )
    return Converted(
        *(folder, header.title, header.architecture, header.licence, header.weights, precision, pre),
        *(difference, compared, nats, tuple(warnings)),
    )


def _model_of(header: Header, precision: Precision) -> Any:
    """The model as transformers reads it, all of whose weights come from the file, and all of the
    file's weights are in it."""
    import torch
    from transformers import AutoModelForCausalLM, GgufConfig

    place, config = header.path, configuration(header)
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            str(place.parent),
            config=config,
            gguf_file=place.name,
            quantization_config=GgufConfig(dequantize=True),
            dtype=torch.bfloat16 if precision == "bf16" else torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # an architecture, or a type of weight, that it does not know
        raise PlanBError(
            f"transformers cannot read the weights in {place} ({header.architecture}): "
            f"{error or type(error).__name__}"
        ) from error
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if names := sorted(map(str, info.get(what) or ())):
            raise PlanBError(
                f"{place} does not fit the model that transformers makes of it: {len(names)} "
                f"{what.replace('_keys', '')} weights, the first {names[0]}"
            )
    held = sum(weight.numel() for weight in {id(w): w for w in model.parameters()}.values())
    if held != header.weights:
        raise PlanBError(
            f"{place} holds {header.weights:,} weights, and the model that transformers makes of it "
            f"{held:,}: it leaves some out, so the model would be another. Take its safetensors"
        )
    return model.eval()


def _made_with(file: Path, precision: str) -> dict[str, str]:
    with file.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    packages = {name: version(name) for name in ("transformers", "tokenizers", "gguf")}
    return {"file": file.name, "sha256": digest, "precision": precision, **packages}


def _compare(model: Any, tokenizer: Any, folder: Path) -> tuple[float, int, float]:
    """Read the folder as anybody will, and compare: tokens, weights, log-probabilities. Returns their
    largest difference, over how many tokens, and the nats a token of plain English."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    again = AutoTokenizer.from_pretrained(str(folder))
    reread = AutoModelForCausalLM.from_pretrained(str(folder), dtype="auto").eval()
    theirs = reread.state_dict()
    for name, weight in model.state_dict().items():
        if not torch.equal(weight, theirs[name]):
            raise PlanBError(f"the weight {name} is another after it was written and read again")
    texts = [*SAMPLES, PLAIN, *_asked(tokenizer)]
    difference, compared, nats = 0.0, 0, math.nan
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False)
        if ids != again.encode(text, add_special_tokens=False) or _asked(again) != _asked(tokenizer):
            raise PlanBError("the tokenizer gives other tokens after it was written and read again")
        ids_T = torch.tensor([ids])
        with torch.inference_mode():
            one, other = (m(input_ids=ids_T).logits[0].float().log_softmax(-1) for m in (model, reread))
        difference = max(difference, float((one - other).abs().max()))
        compared += len(ids)
        if text == PLAIN:
            nats = -float(one[:-1].gather(1, ids_T[0, 1:, None]).mean())
    if not difference <= CLOSE:
        raise PlanBError(
            f"the model that was written gives other log-probabilities than the file's: {difference:g} "
            "apart"
        )
    return difference, compared, nats


def _asked(tokenizer: Any) -> list[str]:
    """A question as the chat template renders it, or nothing where there is none."""
    if not tokenizer.chat_template:
        return []
    chat = [{"role": "user", "content": "How many legs has a spider?"}]
    return [tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)]
