"""GGUF files made into Hugging Face folders: weights, tokenizer, chat template, each checked.

transformers reads them, and is silently wrong about some: what it leaves out of a file is put right
where it is known how, and refused where it is not.
"""

from planb.models.gguf.convert import Converted, convert

__all__ = ["Converted", "convert"]
