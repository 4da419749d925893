"""A tiny made-up world: facts, language, tokenizer, exact scoring. No torch here."""
