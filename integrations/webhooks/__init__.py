"""All that happens between a change and a CRM's 2xx."""
