"""A run's folder: written while a run goes on, read afterwards, by people and by programs.

The layout is stable, and every reader copes with a run that was killed in the middle of a line.

    config.yaml            every setting that is not TRL's default, with where it came from; a recipe to run again
    run.json               what was asked, with what, on what; status; held-out results before and after with errors
    metrics.jsonl          one object per logging step: step, epoch, seconds since the start, and TRL's metrics
    completions/           sampled completions of every generation, one object each, a thousand steps to a file
    plots/                 reward, accuracy, length, entropy, clipping, zero variance: PNG, redrawn as the run goes on;
                           at its end pass rates of prompts and advantages by rank;
                           repetition and correlation with accuracy too where a model rewards itself
    checkpoints/           TRL's, to go on from
    final/                 the trained model (or its adapter) and tokenizer
    held_out.jsonl         every held-out problem with its completion before and after
    verify_offenders.jsonl the first texts that met a limit of the verifier, if any did
    evaluations/           reports of `cli.py evaluate` on this model that were pushed with it
    README.md              the run on one page, and the card of its model on the Hub

An object of `completions/`:

    step       the first optimizer step that trains on it, from 1
    group      which of the generation's prompts, from 0
    prompt     text or chat messages, as the model got it
    completion its text (messages too if the model calls tools)
    gold       the problem's answer; null without one
    answer     what the last box holds; null without one
    rewards    {name: value or null} of every reward function
    reward     their weighted sum, null if none applies
    advantage  as the method gives it; a weighting of groups (--token_norm group) comes after it
    length     generated tokens, the end token once
    truncated  whether it was cut at the limit
"""
