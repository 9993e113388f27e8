"""Raw SQL of this app, in the order in which an event is recorded, numbered, delivered and purged.

None of it contains user input: values are parameters.
"""

# Add to the day's counts how the deliveries and attempts of `rows` (workspace_id, subscription_id, status, outcome) ended.
# The rows are ordered, so that two dispatchers that count the same subscriptions wait for each other instead of deadlocking.
ADD_COUNTS = """
    INSERT INTO integrations_deliverycount AS counts (workspace_id, subscription_id, day, deliveries_succeeded,
        deliveries_failed, deliveries_expired, attempts_succeeded, attempts_failed, attempts_interrupted)
    SELECT workspace_id, subscription_id, %(day)s::date,
        count(*) FILTER (WHERE status = 'succeeded'), count(*) FILTER (WHERE status = 'failed'),
        count(*) FILTER (WHERE status = 'expired'), count(*) FILTER (WHERE outcome = 'succeeded'),
        count(*) FILTER (WHERE outcome = 'failed'), count(*) FILTER (WHERE outcome = 'interrupted')
    FROM ({rows}) AS ended GROUP BY workspace_id, subscription_id ORDER BY subscription_id
    ON CONFLICT (subscription_id, day) DO UPDATE SET
        deliveries_succeeded = counts.deliveries_succeeded + excluded.deliveries_succeeded,
        deliveries_failed = counts.deliveries_failed + excluded.deliveries_failed,
        deliveries_expired = counts.deliveries_expired + excluded.deliveries_expired,
        attempts_succeeded = counts.attempts_succeeded + excluded.attempts_succeeded,
        attempts_failed = counts.attempts_failed + excluded.attempts_failed,
        attempts_interrupted = counts.attempts_interrupted + excluded.attempts_interrupted
"""

# Insert the event and find its subscribers, in one round trip.
# FOR KEY SHARE: a concurrent deletion of a subscription waits for this commit, and then deletes the new deliveries too.
# (Without the lock, a violated foreign key would make the caller's commit fail.)
ADD_EVENT = """
    WITH event AS (
        INSERT INTO integrations_event (id, workspace_id, brand_id, name, body, created_at)
        VALUES (%(id)s, %(workspace)s, %(brand)s, %(name)s, %(body)s, %(now)s)
    )
    SELECT id, status FROM integrations_webhooksubscription
    WHERE workspace_id = %(workspace)s AND (status = 'active' OR holds_events) AND %(name)s = ANY(events)
        AND (brand_id IS NULL OR brand_id = %(brand)s)
    FOR KEY SHARE
"""

NUMBER_EVENTS = """
    WITH numbered AS (
        SELECT id, row_number() OVER (ORDER BY sequence) AS rank
        FROM (
            SELECT id, sequence FROM integrations_event
            WHERE workspace_id = %(workspace)s AND number IS NULL ORDER BY sequence LIMIT %(limit)s
        ) AS waiting
    )
    UPDATE integrations_event AS event SET number = %(last)s + numbered.rank FROM numbered WHERE event.id = numbered.id
"""

# Only one claim runs at a time; otherwise two dispatchers would each fill a subscription's slots. A dispatcher that freezes
# while it holds the lock loses it after 10 s. PostgreSQL's statistics may be older than the last filling or emptying of the
# queue, so these settings make the planner follow the order of the indexes, and plan only once.
LOCK_CLAIMS = """
    SELECT set_config('idle_in_transaction_session_timeout', '10000', true), set_config('lock_timeout', '10000', true),
        set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true),
        set_config('enable_bitmapscan', 'off', true), set_config('plan_cache_mode', 'force_generic_plan', true),
        pg_advisory_xact_lock(%s)
"""

# The subscriptions that have deliveries of this kind, found by skipping through a partial index. Finished deliveries, and
# subscriptions that have none of this kind, cost nothing.
SUBSCRIPTIONS_OF = """
    (SELECT subscription_id AS id FROM integrations_delivery WHERE {condition} ORDER BY subscription_id LIMIT 1)
    UNION ALL
    SELECT (SELECT delivery.subscription_id FROM integrations_delivery AS delivery
            WHERE {condition} AND delivery.subscription_id > found.id ORDER BY delivery.subscription_id LIMIT 1)
    FROM found WHERE found.id IS NOT NULL
"""

PENDING = "status = 'pending' AND lease IS NULL"

HELD = "status = 'held'"

# Lease, for each subscription with pending deliveries, as many due ones as it has free slots. The first delivery of every
# subscription comes before the second of any. Rows that another transaction has locked are skipped. (The rows are locked by
# id, and only then checked for being free. With the condition of the index delivery_due next to the id, the planner would
# read all due rows for each id.)
LEASE_DUE = f"""
    WITH RECURSIVE found AS ({SUBSCRIPTIONS_OF.format(condition=PENDING)}
    ), chosen AS (
        SELECT due.id
        FROM found
        JOIN integrations_webhooksubscription AS subscription ON subscription.id = found.id
        CROSS JOIN LATERAL (
            SELECT count(*) AS in_flight FROM integrations_delivery AS leased
            WHERE leased.subscription_id = subscription.id AND leased.lease IS NOT NULL
        ) AS busy
        CROSS JOIN LATERAL (
            SELECT first.id, first.next_attempt_at, row_number() OVER (ORDER BY first.next_attempt_at) AS rank
            FROM (
                SELECT id, next_attempt_at FROM integrations_delivery AS delivery
                WHERE delivery.subscription_id = subscription.id AND delivery.status = 'pending' AND delivery.lease IS NULL
                    AND delivery.next_attempt_at <= %(now)s
                ORDER BY delivery.next_attempt_at
                LIMIT greatest(0, CASE WHEN subscription.failing_since IS NULL THEN %(in_flight)s::int
                    ELSE %(in_flight_failing)s::int END - busy.in_flight)
            ) AS first
        ) AS due
        WHERE subscription.status = 'active'
        ORDER BY busy.in_flight + due.rank, due.next_attempt_at
        LIMIT %(limit)s
    ), free AS (
        SELECT delivery.id, delivery.status, delivery.lease FROM integrations_delivery AS delivery
        JOIN chosen ON chosen.id = delivery.id
        FOR UPDATE OF delivery SKIP LOCKED
    )
    UPDATE integrations_delivery AS delivery
    SET lease = %(lease)s, leased_until = %(leased_until)s, last_number = last_number + 1
    FROM free WHERE delivery.id = free.id AND free.status = 'pending' AND free.lease IS NULL
    RETURNING delivery.id, delivery.workspace_id, delivery.last_number, delivery.next_trigger
"""

ADD_ATTEMPTS = """
    INSERT INTO integrations_attempt
        (id, delivery_id, workspace_id, number, trigger, outcome, started_at, address, response_body, error)
    SELECT begun.id, begun.delivery_id, begun.workspace_id, begun.number, begun.trigger, 'started', %s, '', '', ''
    FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::int[], %s::text[])
        AS begun(id, delivery_id, workspace_id, number, trigger)
"""

# What the attempts need. It is read after the leases have committed and the lock is released, so a dispatcher that freezes
# while it reads a large result blocks nobody.
READ_CLAIMED = """
    SELECT delivery.id, delivery.workspace_id, delivery.subscription_id, delivery.lease, delivery.last_number,
        delivery.next_trigger, delivery.attempts_made, subscription.url, event.id, event.name, event.body,
        subscription.encrypted_secret, subscription.encrypted_second_secret, subscription.second_secret_ends_at
    FROM unnest(%s::uuid[]) AS leased(id)
    JOIN integrations_delivery AS delivery ON delivery.id = leased.id AND delivery.lease = %s
    JOIN integrations_webhooksubscription AS subscription ON subscription.id = delivery.subscription_id
    JOIN integrations_event AS event ON event.id = delivery.event_id
    ORDER BY delivery.next_attempt_at
"""

RELEASE_EXPIRED = f"""
    WITH expired AS (
        SELECT id FROM integrations_delivery WHERE lease IS NOT NULL AND leased_until < %(now)s
        ORDER BY subscription_id LIMIT 500 FOR UPDATE SKIP LOCKED
    ), released AS (
        UPDATE integrations_delivery AS delivery
        SET lease = NULL, leased_until = NULL, interruptions = interruptions + 1,
            status = CASE WHEN interruptions + 1 >= %(max_interruptions)s THEN 'failed' ELSE 'pending' END
        FROM expired WHERE delivery.id = expired.id
        RETURNING delivery.id, delivery.workspace_id, delivery.subscription_id, delivery.last_number, delivery.status
    ), logged AS (
        UPDATE integrations_attempt AS attempt SET outcome = 'interrupted'
        FROM released WHERE attempt.delivery_id = released.id AND attempt.number = released.last_number
    ), counted AS (
        {ADD_COUNTS.format(rows="SELECT workspace_id, subscription_id, status, 'interrupted' AS outcome FROM released")}
    )
    SELECT count(*) FROM released
"""

FIND_SUBSCRIPTIONS = f"""
    WITH RECURSIVE found AS ({SUBSCRIPTIONS_OF})
    SELECT subscription.id FROM found JOIN integrations_webhooksubscription AS subscription ON subscription.id = found.id
    WHERE subscription.status = %s
"""

MOVE_DELIVERIES = """
    UPDATE integrations_delivery SET status = %s, next_attempt_at = greatest(next_attempt_at, %s) WHERE id IN (
        SELECT id FROM integrations_delivery WHERE {condition} AND subscription_id = ANY(%s)
        LIMIT %s FOR UPDATE SKIP LOCKED
    )
"""

# The subscriptions are locked before the deliveries, as a deletion of a subscription does, so that the two cannot deadlock.
LOCK_SUBSCRIPTIONS = """
    SELECT id, failing_since, gone_since, gone_responses FROM integrations_webhooksubscription
    WHERE id = ANY(%s) ORDER BY id FOR KEY SHARE
"""

STORED_RESULTS = "SELECT workspace_id, subscription_id, status, outcome FROM stored JOIN given ON given.id = stored.id"

STORE_RESULTS = f"""
    WITH given AS (
        SELECT * FROM unnest(
            %(ids)s::uuid[], %(leases)s::uuid[], %(statuses)s::text[], %(attempts_made)s::int[],
            %(next_attempts_at)s::timestamptz[], %(numbers)s::int[], %(outcomes)s::text[], %(durations)s::int[],
            %(codes)s::int[], %(addresses)s::text[], %(bodies)s::text[], %(errors)s::text[]
        ) AS given(id, lease, status, attempts_made, next_attempt_at, number, outcome, duration_ms, status_code, address,
            response_body, error)
    ), stored AS (
        UPDATE integrations_delivery AS delivery
        SET status = given.status, attempts_made = given.attempts_made, next_attempt_at = given.next_attempt_at,
            next_trigger = 'schedule', lease = NULL, leased_until = NULL
        FROM given WHERE delivery.id = given.id AND delivery.lease = given.lease
        RETURNING delivery.id, delivery.workspace_id, delivery.subscription_id
    ), logged AS (
        UPDATE integrations_attempt AS attempt
        SET outcome = given.outcome, duration_ms = given.duration_ms, status_code = given.status_code,
            address = given.address, response_body = given.response_body, error = given.error
        FROM given JOIN stored ON stored.id = given.id
        WHERE attempt.delivery_id = given.id AND attempt.number = given.number
    ), counted AS (
        {ADD_COUNTS.format(rows=STORED_RESULTS)}
    )
    SELECT id FROM stored
"""

# As above, the subscriptions are locked before the deliveries.
LOCK_SUBSCRIPTIONS_OF_WORKSPACE = """
    SELECT 1 FROM integrations_webhooksubscription WHERE workspace_id = %s ORDER BY id FOR KEY SHARE
"""

# A delivery that was never finished is counted as expired.
EXPIRED_DELIVERIES = """
    SELECT workspace_id, subscription_id, 'expired' AS status, '' AS outcome FROM deleted_deliveries
    WHERE status IN ('pending', 'held')
"""

PURGE_EVENTS = f"""
    WITH old AS (
        SELECT id, number FROM integrations_event WHERE workspace_id = %(workspace)s AND created_at < %(before)s
        ORDER BY created_at LIMIT %(limit)s
    ), deleted_deliveries AS (
        DELETE FROM integrations_delivery WHERE event_id IN (SELECT id FROM old)
        RETURNING id, workspace_id, subscription_id, status
    ), deleted_attempts AS (
        DELETE FROM integrations_attempt WHERE delivery_id IN (SELECT id FROM deleted_deliveries)
    ), counted AS (
        {ADD_COUNTS.format(rows=EXPIRED_DELIVERIES)}
    ), purged AS (
        DELETE FROM integrations_event WHERE id IN (SELECT id FROM old) RETURNING number
    ), marked AS (
        UPDATE integrations_eventfeed SET purged_up_to =
            greatest(purged_up_to, (SELECT coalesce(max(number), 0) FROM purged))
        WHERE workspace_id = %(workspace)s
    )
    SELECT count(*) FROM purged
"""

PURGE_EVENTS_ABOUT = """
    WITH about AS (
        SELECT id FROM integrations_event
        WHERE workspace_id = %(workspace)s AND brand_id = %(brand)s AND created_at >= %(since)s
            AND convert_from(body, 'UTF8') ~ %(ids)s
    ), deleted_deliveries AS (
        DELETE FROM integrations_delivery WHERE event_id IN (SELECT id FROM about) RETURNING id
    ), deleted_attempts AS (
        DELETE FROM integrations_attempt WHERE delivery_id IN (SELECT id FROM deleted_deliveries)
    )
    DELETE FROM integrations_event WHERE id IN (SELECT id FROM about)
"""

DELETE_ATTEMPTS = """
    DELETE FROM integrations_attempt AS attempt USING integrations_delivery AS delivery
    WHERE attempt.delivery_id = delivery.id AND delivery.subscription_id = %s
"""

DELETE_DELIVERIES = "DELETE FROM integrations_delivery WHERE subscription_id = %s"
