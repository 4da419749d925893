"""Every argument of transformers' Trainer and of TRL's trainers works, is harmless, or is refused."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")

import pytest
import torch
from datasets import IterableDataset
from peft import LoraConfig
from tiny_models import WORLD, fresh, rows
from transformers import Trainer, TrainerCallback, TrainingArguments

from planb import RankedPreferenceConfig, RankedPreferenceTrainer
from planb.errors import PlanBError
from planb.models.adapters import add_adapter
from planb.sandbox.tokenizer import tokenizer
from planb.training.arguments import HARMLESS, MOVED, REFUSED, TRAINERS_OWN, WORKS, NoPredictions
from planb.training.trainer import Rows

WORDS = tokenizer(WORLD)
ROWS = rows(8)
TEXT = [{"prompt": "the bridge", "chosen": " is old", "rejected": " no"}] * 4
Config = Callable[..., Any]
FIELDS = {field.name for field in fields(TrainingArguments)}
OURS = {field.name for field in fields(RankedPreferenceConfig)} - FIELDS
OWN = set(inspect.signature(RankedPreferenceTrainer.__init__).parameters) - {"others"}
METHODS = {
    "add_callback call_model_init compute_loss compute_loss_context_manager "
    "autocast_smart_context_manager create_accelerator_and_postprocess create_model_card "
    "create_optimizer create_optimizer_and_scheduler create_scheduler end evaluate evaluation_loop "
    "floating_point_ops get_batch_samples get_cp_size get_decay_parameter_names get_eval_dataloader "
    "get_learning_rates get_num_trainable_parameters get_optimizer_cls_and_kwargs "
    "get_optimizer_group get_sp_size get_total_train_batch_size get_tp_size get_train_dataloader "
    "init_hf_repo is_local_process_zero is_world_process_zero log log_metrics "
    "loss_is_scaled_for_ga metrics_format num_examples pop_callback prediction_step push_to_hub "
    "remove_callback save_metrics save_model save_state set_initial_training_values store_flos "
    "train training_step"
}
"""Public methods of ``Trainer`` that do here what they say there."""


def made(args: Any, data: Any = None, **others: Any) -> RankedPreferenceTrainer:
    data = Rows(ROWS, ordered=True) if data is None else data
    return RankedPreferenceTrainer(fresh("llama"), args, data, WORDS, **others)


class TestEachIsClassified:
    def test_every_field_of_training_arguments_is_in_one_table(self) -> None:
        """A field that a new version of transformers brings fails here until it is looked at."""
        tables = (WORKS, set(HARMLESS), set(REFUSED))
        assert set.union(*map(set, tables)) == FIELDS
        assert sum(map(len, tables)) == len(FIELDS)

    @pytest.mark.parametrize("name", ["DPO", "ORPO", "CPO", "SFT"])
    def test_every_argument_of_trls_has_a_place(self, name: str) -> None:
        trl = pytest.importorskip("trl", reason="compared where TRL is installed")
        if name in ("ORPO", "CPO"):
            trl = pytest.importorskip(f"trl.experimental.{name.lower()}")
        config, trainer = getattr(trl, f"{name}Config"), getattr(trl, f"{name}Trainer")
        named = {field.name for field in fields(config)} - FIELDS
        assert named - OURS <= set(MOVED)
        taken = set(inspect.signature(trainer.__init__).parameters)
        assert taken - OWN - TRAINERS_OWN <= set(MOVED)

    def test_so_has_every_argument_and_method_of_trainers(self) -> None:
        taken = set(inspect.signature(Trainer.__init__).parameters)
        assert taken - OWN - TRAINERS_OWN <= set(MOVED)
        public = {name for name in vars(Trainer) if not name.startswith("_")}
        refused = {name for name in vars(NoPredictions) if not name.startswith("_")}
        assert public == refused | {name for line in METHODS for name in line.split()}


SET: dict[str, Any] = {
    "label_smoothing_factor": 0.1,
    "neftune_noise_alpha": 5.0,
    "bf16_full_eval": True,
    "fp16_full_eval": True,
    "auto_find_batch_size": True,
    "include_for_metrics": ["inputs"],
    "batch_eval_metrics": True,
    "dataloader_multiprocessing_context": "spawn",
    "use_liger_kernel": True,
    "parallelism_config": object(),
}


class TestRefused:
    def test_all_are_tried(self) -> None:
        assert set(SET) == set(REFUSED)

    @pytest.mark.parametrize("name", SET)
    def test_a_field(self, config: Config, name: str) -> None:
        args = config()
        setattr(args, name, SET[name])  # some are checked by TrainingArguments first
        with pytest.raises(PlanBError, match=f"^{name}=.* is not supported: "):
            made(args)

    @pytest.mark.parametrize(
        ("said", "why"),
        [
            ({"optim": "lomo"}, "optim='lomo' updates weights within the backward pass"),
            ({"optim": "galore_adamw_layerwise"}, "within the backward pass"),
            ({"accelerator_config": {"dispatch_batches": True}}, "dispatch_batches"),
            ({"train_sampling_strategy": "batch_rebalance"}, "batch_rebalance"),
            ({"train_sampling_strategy": "group_by_length"}, "are a schedule"),
            ({"fp16": True}, "fp16 needs a GPU"),
        ],
    )
    def test_a_value(self, config: Config, said: dict[str, Any], why: str) -> None:
        with pytest.raises(PlanBError, match=why):
            made(config(**said)).get_train_dataloader()

    @pytest.mark.parametrize(
        "name", ["ref_model", "compute_metrics", "data_collator", "model_init", "formatting_func"]
    )
    def test_an_argument_of_the_trainer(self, config: Config, name: str) -> None:
        with pytest.raises(PlanBError, match=f"^RankedPreferenceTrainer does not take {name}: "):
            made(config(), **{name: lambda *_: None})
        assert made(config(), **{name: None}).objective, "None is TRL's default"

    def test_names_that_are_nobodys(self, config: Config) -> None:
        with pytest.raises(PlanBError, match=r"no argument 'callback' \(is it 'callbacks'\?\)"):
            made(config(), callback=[])
        with pytest.raises(PlanBError, match=r"no argument 'learning_rat' \(is it 'learning_rate'\?"):
            config(learning_rat=1)

    @pytest.mark.parametrize("name", ["beta", "loss_weights", "max_prompt_length", "padding_free"])
    def test_an_argument_of_trls_says_where_it_went(self, config: Config, name: str) -> None:
        with pytest.raises(PlanBError, match=f"Config does not take {name}: {re.escape(MOVED[name])}"):
            config(**{name: None})

    def test_trls_whole_config(self, config: Config) -> None:
        trl = pytest.importorskip("trl", reason="compared where TRL is installed")
        theirs = trl.DPOConfig(output_dir=config().output_dir, bf16=False, use_cpu=True)
        with pytest.raises(PlanBError, match=r"(?s)DPOConfig has settings .*\n  beta: it belongs"):
            made(theirs)

    @pytest.mark.parametrize("objective", [["dpo", "sft"], {"class": "DPO"}, None, 3])
    def test_an_objective_of_another_kind(self, config: Config, objective: Any) -> None:
        with pytest.raises(PlanBError, match=r"neither a name .* nor an objective"):
            config(objective=objective)

    def test_methods(self, config: Config) -> None:
        trainer = made(config())
        for call in (trainer.predict, trainer.get_test_dataloader, trainer.hyperparameter_search):
            with pytest.raises(PlanBError, match=r"predict\(\)|hyperparameter_search\(\)"):
                call(Rows(ROWS))

    def test_what_is_no_config(self, config: Config) -> None:
        with pytest.raises(
            PlanBError, match="args is a dict: give the trainer a RankedPreferenceConfig"
        ):
            made({"learning_rate": 1e-3})
        with pytest.raises(PlanBError, match="peft_config is a dict: give a LoraConfig"):
            made(config(), peft_config={"r": 4})

    def test_frozen_weights(self, config: Config) -> None:
        trainer = made(config())
        trainer.model.requires_grad_(False)
        with pytest.raises(PlanBError, match="no weight of the model is trained"):
            trainer.train()


class TestDatasets:
    @pytest.mark.parametrize("place", ["train_dataset", "eval_dataset"])
    def test_a_stream_is_refused_before_it_is_read(self, config: Config, place: str) -> None:
        def forever() -> Iterator[dict[str, str]]:
            while True:
                yield TEXT[0]

        for stream in (forever(), IterableDataset.from_generator(forever)):
            given = {"train_dataset": TEXT, place: stream}
            with pytest.raises(PlanBError, match=r"without a length: .*take\(1000\)"):
                RankedPreferenceTrainer(fresh("llama"), config(), processing_class=WORDS, **given)
        some = IterableDataset.from_generator(forever).take(3)
        assert len(made(config(), list(some)).train_dataset) == 3

    def test_a_dataset_of_torchs_is_read_by_its_length(self, config: Config) -> None:
        """Its ``__getitem__`` need not know where it ends, and iterating would never end."""

        class Again(torch.utils.data.Dataset):  # type: ignore[misc]
            def __len__(self) -> int:
                return 5

            def __getitem__(self, place: int) -> dict[str, str]:
                return TEXT[place % len(TEXT)]

        assert len(made(config(), Again()).train_dataset) == 5


class TestEvaluations:
    @pytest.mark.slow  # torch waits for the end of each of its workers: 16 seconds, without work
    def test_another_dataset_stands_in_once(self, config: Config) -> None:
        """Also where the loaders of persistent workers are kept, and under another prefix."""
        workers = {"dataloader_num_workers": 1, "dataloader_persistent_workers": True}
        trainer = made(config(**workers), eval_dataset=Rows(ROWS[:3]))
        own = trainer.evaluate()
        other = trainer.evaluate(Rows(ROWS[3:5]), metric_key_prefix="other")
        assert other["other_logp/refusal"] != own["eval_logp/refusal"]
        assert not [name for name in other if name.startswith("eval_")]
        again = trainer.evaluate()
        for name in ("eval_loss", "eval_logp/refusal", "eval_loss/preference"):
            assert again[name] == own[name]
        assert other == pytest.approx(
            {**other, **{f"other_{n[5:]}": m for n, m in self._alone(config, ROWS[3:5]).items()}}
        )

    @staticmethod
    def _alone(config: Config, some: Any) -> dict[str, float]:
        found = made(config(), eval_dataset=Rows(some)).evaluate()
        return {name: mean for name, mean in found.items() if "/" in name or name == "eval_loss"}

    @pytest.mark.slow
    def test_the_best_of_stacked_adapters_is_loaded(self, config: Config) -> None:
        """Trainer looks for the oldest adapter, finds nothing, warns, and keeps the last weights."""
        model = fresh("llama")
        for seed in (1, 2):
            model = add_adapter(model, LoraConfig(r=seed, target_modules="all-linear"))
        steps = {"eval_strategy": "steps", "eval_steps": 1, "save_strategy": "steps", "save_steps": 1}
        best = {"load_best_model_at_end": True, "metric_for_best_model": "loss"}
        best["greater_is_better"] = True  # so that the first is the best
        seen: list[dict[str, Any]] = []

        class Keep(TrainerCallback):
            def on_evaluate(self, *_: Any, **__: Any) -> None:
                named = model.named_parameters()
                seen.append({name: w.detach().clone() for name, w in named if w.requires_grad})

        args = config(**steps, **best, max_steps=2, per_device_train_batch_size=8)
        trainer = RankedPreferenceTrainer(
            model, args, Rows(ROWS), WORDS, eval_dataset=Rows(ROWS), callbacks=[Keep()]
        )
        trainer.train()
        first, last = [e["eval_loss"] for e in trainer.state.log_history if "eval_loss" in e]
        assert first > last
        now = dict(model.named_parameters())
        assert all(torch.equal(now[name], weight) for name, weight in seen[0].items())
        assert not all(torch.equal(now[name], weight) for name, weight in seen[1].items())
        assert {name for name, w in now.items() if w.requires_grad} == set(seen[0])


class TestWorks:
    @pytest.mark.slow
    @pytest.mark.parametrize(("said", "padding"), [("all", True), ("non_padding", False)])
    def test_tokens_are_counted(self, config: Config, said: str, padding: bool) -> None:
        args = {"include_num_input_tokens_seen": said, "max_steps": 2, "layout": "separate"}
        trainer = made(config(**args, per_device_train_batch_size=4))
        trainer.train()
        real = sum(row.separate_tokens for row in ROWS)
        assert (trainer.state.num_input_tokens_seen > real) is padding
        assert trainer.state.num_input_tokens_seen >= real
        packed = made(config(**{**args, "layout": "packed"}, per_device_train_batch_size=4))
        packed.train()
        tokens = packed.state.num_input_tokens_seen
        assert tokens == sum(row.packed_tokens for row in ROWS)
        weights = packed.model.num_parameters(exclude_embeddings=True)
        assert packed.state.total_flos == 6 * weights * tokens

    @pytest.mark.slow
    def test_rows_of_like_length_are_trained_together(self, config: Config) -> None:
        args = {"train_sampling_strategy": "group_by_length", "per_device_train_batch_size": 4}
        many = rows(64)

        def order(seed: int, epoch: int = 0) -> list[int]:
            sampler = made(config(**args, seed=seed), Rows(many))._get_train_sampler()
            sampler.set_epoch(epoch)
            return list(sampler)

        found = order(0)
        assert sorted(found) == list(range(64))

        def unlike(places: list[int]) -> int:
            sizes = [many[place].separate_tokens for place in places]
            batches = [sizes[at : at + 4] for at in range(0, 64, 4)]
            return sum(max(batch) - min(batch) for batch in batches)

        assert unlike(found) < unlike(list(range(64))) / 2
        assert order(0) == found
        assert order(1) != found
        assert order(0, epoch=1) != found
        trainer = made(config(**args), Rows(many), eval_dataset=Rows(many[:5]))
        trainer.train()
        assert trainer.evaluate()["eval_loss"] > 0

    @pytest.mark.slow
    def test_what_is_trained_is_said(self, config: Config, caplog: pytest.LogCaptureFixture) -> None:
        lora = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
        with caplog.at_level("INFO", logger="planb.training.trainer"):
            adapted = made(config(), peft_config=lora)
            adapted.train()
        assert "training trains an adapter of" in caplog.text
        assert {"embed_tokens", "lm_head"} <= set(adapted.trained.left)
        whole = made(config())
        whole.train()
        assert str(whole.trained) == "all weights"
