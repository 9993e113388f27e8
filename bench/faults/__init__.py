"""Fault injection for webhooks. Workers, PostgreSQL and Valkey are real; receivers, time scale and faults are simulated here.

- times: the retry steps, the lease and the deadline, scaled so that six attempts take seconds
- receivers, receiver_faults: the receivers of webhooks, and how each of them misbehaves
- writers: changes through the real actions, some rolled back, some with a terminated connection
- worker: Celery's worker and beat with the scaled times, and the points at which a worker can be killed
- processes, chaos: start and restart the processes, and inject the faults at their times
- environment, run: set up a run, execute it and tear it down
- evidence, invariants, latency: collect the results, and check what must hold afterwards
- report: print the results

docs/reliability.md describes what is checked. `python -m bench.faults` is the long form, tests/webhooks/test_faults.py the short.
"""
