"""A model and problems in, measured numbers out. Uses `data` and `rewards`, never `trainers`.

    engines        complete prompts: transformers, vLLM in this process, a vLLM server
    sampler        several graded samples of every problem, resumable
    tools          a model that writes Python, sees what it prints, and goes on
    sandbox        runs that Python
    teachers       answer questions in words
    benchmarks     problems of the seeds' tables, and what the cards claim
    scoring        from completions to verdicts, votes and results
    held_out       accuracy and length before and after training
    statistics     means, intervals, tests, pass@k
    contamination  benchmark problems that were trained on
    report         results as Markdown, JSON and a picture, with the protocol

`http` (JSON with a time limit for the whole answer) and `vllm` (its version, a server's models) import nothing heavy.
"""
