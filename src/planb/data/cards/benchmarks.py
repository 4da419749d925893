"""Benchmarks of capability: the columns that our tasks read."""

from __future__ import annotations

from planb.data.cards.card import DataCard

MMLU_PRO = DataCard(
    name="mmlu_pro",
    about="MMLU-Pro: ten-option questions of 14 categories (Wang et al. 2024)",
    hub="TIGER-Lab/MMLU-Pro",
    split="test",
    revision="527feea0afed1de15a8c115abf7be4c912123315",
    columns=("question_id", "question", "options", "answer", "answer_index", "category"),
    licence="MIT",
)
MMLU_PRO_EXAMPLES = MMLU_PRO.but(
    name="mmlu_pro_examples",
    about="MMLU-Pro's validation split: five worked examples of each category",
    split="validation",
    columns=(*MMLU_PRO.columns, "cot_content"),
)
MT_BENCH = DataCard(
    name="mt_bench",
    about="MT-Bench's 80 two-turn questions (Zheng et al. 2023; FastChat's question.jsonl)",
    hub="lighteval/mt-bench",
    split="train",
    columns=("question_id", "category", "turns"),
    licence="Apache 2.0 (lm-sys/FastChat; the hub's copy states none)",
)
IFEVAL = DataCard(
    name="ifeval",
    about="IFEval: prompts with instructions that a program can verify (Zhou et al. 2023)",
    hub="google/IFEval",
    split="train",
    revision="966cd89545d6b6acfd7638bc708b98261ca58e84",
    columns=("key", "prompt", "instruction_id_list", "kwargs"),
    licence="Apache 2.0",
)
NEWCOMBLIKE = DataCard(
    name="newcomblike",
    about="questions on Newcomb-like problems, of capability and of attitude (Oesterheld et al. 2024)",
    file="https://raw.githubusercontent.com/casparoe/newcomblike_questions_dataset/{revision}/"
    "benchmark/data.zip",
    revision="284fda2da5ee5059b9b7b59ef419553e1bd5a067",
    nested=True,
    columns=("qid", "question_text", "permissible_answers", "correct_answer"),
    licence="see the LICENSE of its repository (public copies name MIT and CC BY)",
    home="https://github.com/casparoe/newcomblike_questions_dataset",
    note="The set itself was not at hand: address, commit and format are those of its public readers.",
)
