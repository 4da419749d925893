"""Base models as cards, checkpoints and adapters, chat rendering and masks, generation;
answers that models give in a form."""
