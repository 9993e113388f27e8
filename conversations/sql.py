"""Raw SQL of `conversations.statistics` and `conversations.search`.

Parameters of the statistics: `workspace` (an id), `since` (a time) and `brands` (ids; null for all).
"""

DAILY_COUNTS = """
    SELECT 'conversations' AS kind, created_at::date AS day, count(*)
    FROM conversations_conversation
    WHERE workspace_id = %(workspace)s AND created_at >= %(since)s AND (%(brands)s::uuid[] IS NULL OR brand_id = ANY(%(brands)s))
    GROUP BY day
    UNION ALL
    SELECT 'replies', message.created_at::date AS day, count(*)
    FROM conversations_message AS message JOIN conversations_conversation AS conversation ON conversation.id = conversation_id
    WHERE message.workspace_id = %(workspace)s AND message.created_at >= %(since)s AND role <> 'visitor'
        AND (%(brands)s::uuid[] IS NULL OR brand_id = ANY(%(brands)s))
    GROUP BY day
"""
RESPONSE_TIMES = """
    SELECT {group} AS subject, count(*), count(first_reply_at), count(resolved_at),
        percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM first_reply_at - created_at)),
        percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM first_reply_at - created_at)),
        percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM resolved_at - created_at))
    FROM conversations_conversation
    WHERE workspace_id = %(workspace)s AND created_at >= %(since)s AND (%(brands)s::uuid[] IS NULL OR brand_id = ANY(%(brands)s))
    GROUP BY subject
"""
REPLIES_BY_OPERATOR = """
    SELECT author_id, count(*)
    FROM conversations_message AS message JOIN conversations_conversation AS conversation ON conversation.id = conversation_id
    WHERE message.workspace_id = %(workspace)s AND message.created_at >= %(since)s AND role <> 'visitor'
        AND author_id IS NOT NULL AND (%(brands)s::uuid[] IS NULL OR brand_id = ANY(%(brands)s))
    GROUP BY author_id
"""
SET_WORDS = """
    UPDATE {table} SET words = new.words::tsvector, words_digest = new.digest
    FROM unnest(%s::uuid[], %s::text[], %s::uuid[]) AS new (id, words, digest) WHERE {table}.id = new.id
"""
