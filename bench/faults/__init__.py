"""Fault injection for webhooks: real workers, PostgreSQL and Valkey; receivers, clock and accidents are made here.

- times: the steps, the lease and the deadline, scaled so that six attempts take seconds
- receivers, manners: who gets webhooks, and how badly they behave
- writers: changes through the real actions, some rolled back, some cut off
- worker: Celery's worker and beat with the scaled times, and the places where a worker can be made to die
- processes, chaos: starting and restarting them, and what goes wrong when
- stage, run: putting it up and taking it down
- invariants: what must hold afterwards

docs/reliability.md tells what it proves. `python -m bench.faults` is the long form, tests/webhooks/test_faults.py the short.
"""
