"""The chat widget: its server side and its browser code.

The app has no models. What a visitor writes goes through `conversations.actions`.

Where to look: `visitor_tokens.py` (authentication of visitors), `base_view.py` and `api.py` (HTTP endpoints), `live.py` (the
live query and mutations), `thread.py` (the thread as the visitor sees it), `actions.py` (what a visitor does), `limits.py` (rate
limits), `identity.py`, `user_agent.py`, `translations.py` with `locales/`, and `frontend/` (the browser code).
"""
