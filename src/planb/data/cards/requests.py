"""Sources of requests: published sets of harmful requests, of harmless ones, and of both.

Columns were looked up in the sets' own pages and in code that reads them; nothing was downloaded. What
could not be confirmed stands in a card's ``note``. The file of a mirror that a note names is read by
the same card, since it has our names for the columns.
"""

from __future__ import annotations

from collections.abc import Mapping

from planb.data.cards.request_card import RequestCard
from planb.types import HARMFUL, HELPFUL, REFUSAL

_GITHUB = "https://raw.githubusercontent.com"

STRONGREJECT = RequestCard(
    name="strongreject",
    about="StrongREJECT: 313 forbidden prompts in six categories (Souly et al. 2024)",
    file=f"{_GITHUB}/alexandrasouly/strongreject/{{revision}}/strongreject_dataset/strongreject_dataset.csv",
    revision="3432b2d696b428f242bd507df96d80f686571d5e",
    renamed={"prompt": "forbidden_prompt"},
    harmful=True,
    category="category",
    licence="MIT (prompts taken from earlier work keep their own licences)",
    home="https://github.com/alexandrasouly/strongreject",
    note="Mirror: walledai/StrongREJECT (columns prompt, category, source; gated).",
)
JAILBREAKBENCH = RequestCard(
    name="jailbreakbench",
    about="JailbreakBench's 100 harmful behaviours (Chao et al. 2024)",
    hub="JailbreakBench/JBB-Behaviors",
    config="behaviors",
    split="harmful",
    revision="886acc352a31533ffbcf4ef22c744658688086fc",
    renamed={"prompt": "Goal", "behavior": "Behavior", "category": "Category"},
    harmful=True,
    group="behavior",
    category="category",
    licence="MIT",
    home="https://huggingface.co/datasets/JailbreakBench/JBB-Behaviors",
    note="Not confirmed: that a harmful behaviour and its benign twin have one name in 'Behavior'; "
    "where they have, they are one group. 'Target' is only the opening of an answer, and is not read.",
)
JAILBREAKBENCH_BENIGN = JAILBREAKBENCH.but(
    name="jailbreakbench_benign",
    about="JailbreakBench's 100 benign behaviours on the same themes (Chao et al. 2024)",
    split="benign",
    harmful=False,
)
HARMBENCH = RequestCard(
    name="harmbench",
    about="HarmBench's textual behaviours, standard and contextual (Mazeika et al. 2024)",
    file=f"{_GITHUB}/centerforaisafety/HarmBench/{{revision}}/data/behavior_datasets/"
    "harmbench_behaviors_text_all.csv",
    revision="8e1604d1171fe8a48d8febecd22f600e462bdcdd",
    renamed={"prompt": "Behavior", "category": "SemanticCategory", "context": "ContextString"},
    harmful=True,
    context="context",
    joined="{context}\n\n---\n\n{request}",
    category="category",
    only={"FunctionalCategory": ("standard", "contextual")},
    licence="MIT",
    home="https://github.com/centerforaisafety/HarmBench",
    note="The 100 copyright behaviours are left out: a program scores them, by overlap.",
)
ADVBENCH = RequestCard(
    name="advbench",
    about="AdvBench's 520 harmful behaviours, many nearly alike (Zou et al. 2023)",
    file=f"{_GITHUB}/llm-attacks/llm-attacks/{{revision}}/data/advbench/harmful_behaviors.csv",
    revision="098262edf85f807224e70ecd87b9d83716bf6b73",
    renamed={"prompt": "goal"},
    harmful=True,
    licence="MIT",
    home="https://github.com/llm-attacks/llm-attacks",
    note="'target' is only the opening of an answer: not read. Mirror: walledai/AdvBench (gated).",
)
LAT_HARMFUL = RequestCard(
    name="lat_harmful",
    about="LLM-LAT's requests, each with a refusal and a harmful answer (Sheshadri et al. 2024)",
    hub="LLM-LAT/harmful-dataset",
    revision="8bfba31bc6d93a5b71808fee5275ef4b6330ed91",
    harmful=True,
    responses={REFUSAL: "chosen", HARMFUL: "rejected"},
    licence="none stated on the hub",
    home="https://huggingface.co/datasets/LLM-LAT/harmful-dataset",
)
LAT_BENIGN = RequestCard(
    name="lat_benign",
    about="LLM-LAT's benign requests with helpful answers (Sheshadri et al. 2024)",
    hub="LLM-LAT/benign-dataset",
    harmful=False,
    responses={HELPFUL: "response"},
    licence="none stated on the hub",
    home="https://huggingface.co/datasets/LLM-LAT/benign-dataset",
    note="No full commit hash is known to be good. 'refusal', of a harmless request, is not read.",
)
XSTEST = RequestCard(
    name="xstest",
    about="XSTest: safe prompts that look unsafe, and unsafe contrasts (Röttger et al. 2023)",
    file=f"{_GITHUB}/paul-rottger/xstest/{{revision}}/xstest_prompts.csv",
    split="test",
    revision="d7bb5bd738c1fcbc36edd83d5e7d1b71a3e2d84d",
    columns=("prompt", "type", "label"),
    harmful_column="label",
    harmful_values={"safe": False, "unsafe": True},
    category="type",
    licence="CC BY 4.0",
    home="https://github.com/paul-rottger/xstest",
    note="Mirror: walledai/XSTest (gated).",
)
OR_BENCH = RequestCard(
    name="or_bench",
    about="OR-Bench's hard thousand: seemingly toxic prompts that are harmless (Cui et al. 2024)",
    hub="bench-llm/or-bench",
    config="or-bench-hard-1k",
    revision="e36d8b80e81837c8a8f264bbb2a49f1b32c7e272",
    harmful=False,
    category="category",
    licence="CC BY 4.0",
    home="https://huggingface.co/datasets/bench-llm/or-bench",
)
OR_BENCH_TOXIC = OR_BENCH.but(
    name="or_bench_toxic",
    about="OR-Bench's toxic prompts: refusing them is right (Cui et al. 2024)",
    config="or-bench-toxic",
    harmful=True,
)
ALPACA = RequestCard(
    name="alpaca",
    about="Alpaca: 52,002 instructions with answers by text-davinci-003 (Taori et al. 2023)",
    hub="tatsu-lab/alpaca",
    revision="dce01c9b08f87459cf36a430d809084718273017",
    renamed={"prompt": "instruction"},
    harmful=False,
    context="input",
    responses={HELPFUL: "output"},
    licence="CC BY-NC 4.0",
    non_commercial=True,
    home="https://github.com/tatsu-lab/stanford_alpaca",
)
ULTRACHAT = RequestCard(
    name="ultrachat",
    about="UltraChat 200k: conversations with ChatGPT; the first turn is read (Ding et al. 2023)",
    hub="HuggingFaceH4/ultrachat_200k",
    split="train_sft",
    revision="8049631c405ae6576f93f445c6b8166f76f5505a",
    request="messages",
    form="messages",
    harmful=False,
    responses={HELPFUL: "messages"},
    licence="MIT",
    home="https://huggingface.co/datasets/HuggingFaceH4/ultrachat_200k",
)
HH_HARMLESS = RequestCard(
    name="hh_harmless",
    about="HH-RLHF harmless-base: what red-teamers asked first (Bai et al. 2022)",
    hub="Anthropic/hh-rlhf",
    folder="harmless-base",
    revision="09be8c5bbc57cb3887f3a9732ad6aa7ec602a1fa",
    request="chosen",
    form="transcript",
    harmful=True,
    licence="MIT",
    home="https://huggingface.co/datasets/Anthropic/hh-rlhf",
    note="No row says whether its request is harmful, and not all are: have a judge look first. "
    "'chosen' is only the less harmful answer, so it is no tier, and is not read as one.",
)
HH_HELPFUL = RequestCard(
    name="hh_helpful",
    about="HH-RLHF helpful-base: what people asked first, with the first answer (Bai et al. 2022)",
    hub="Anthropic/hh-rlhf",
    folder="helpful-base",
    revision="09be8c5bbc57cb3887f3a9732ad6aa7ec602a1fa",
    request="chosen",
    form="transcript",
    harmful=False,
    responses={HELPFUL: "chosen"},
    licence="MIT",
    home="https://huggingface.co/datasets/Anthropic/hh-rlhf",
)
REQUESTS: Mapping[str, RequestCard] = {
    card.name: card
    for card in (
        STRONGREJECT,
        JAILBREAKBENCH,
        JAILBREAKBENCH_BENIGN,
        HARMBENCH,
        ADVBENCH,
        LAT_HARMFUL,
        LAT_BENIGN,
        XSTEST,
        OR_BENCH,
        OR_BENCH_TOXIC,
        ALPACA,
        ULTRACHAT,
        HH_HARMLESS,
        HH_HELPFUL,
    )
}
