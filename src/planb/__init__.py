"""planb: train language models to fail less severely."""
