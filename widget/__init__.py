"""What a visitor's browser may call. No models of its own: a visitor writes through the actions of conversations.

Where to look: `visitor_tokens.py` (who a visitor is), `api.py` (the calls), `live.py` (the thread, live), `thread.py` (what a
visitor sees of it), `actions.py` (what a visitor does), `limits.py`, `identity.py`, `browsers.py`, `texts.py` with `locales/`,
and `frontend/` (the browser code).
"""
