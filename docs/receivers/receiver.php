<?php

// A receiver of PraxTalk webhooks: PHP 8.0 or later, no packages.
//
// PRAXTALK_WEBHOOK_SECRET=whsec_... php -S 127.0.0.1:9000 receiver.php
//
// Under php-fpm it is an ordinary page, and the pool's configuration names the secret:
//
// env[PRAXTALK_WEBHOOK_SECRET] = whsec_...

declare(strict_types=1);

const MAX_BODY = 1024 * 1024; // bytes
const MAX_SEEN = 10_000; // event ids

/**
 * Your code goes here: $event['type'] says what happened, $event['data'] holds the objects. Ignore types you do not use.
 *
 * PraxTalk waits 15 seconds for the answer. Put slow work into a queue and return; an exception makes PraxTalk send the
 * event again.
 */
function handle(array $event): void
{
    file_put_contents('php://stdout', $event['type'] . ' ' . $event['id'] . "\n");
}

const FIVE_MINUTES = 300; // seconds

/** $rawBody: file_get_contents('php://input'). $header: X-PraxTalk-Signature. $secret: the whole whsec_... string. */
function verify(string $rawBody, string $header, string $secret, ?int $now = null): bool
{
    $fields = explode(',', $header);
    if (!preg_match('/\At=([0-9]{1,12})\z/', array_shift($fields), $match)) {
        return false;
    }
    $timestamp = $match[1];
    if (abs(($now ?? time()) - (int) $timestamp) > FIVE_MINUTES) {
        return false;
    }
    $expected = 'v1=' . hash_hmac('sha256', $timestamp . '.' . $rawBody, $secret);
    // While the secret is being changed there are two v1, one for each secret. Any will do, so you can switch at any moment.
    foreach ($fields as $field) {
        if (hash_equals($expected, $field)) {
            return true;
        }
    }

    return false;
}

/**
 * Handle the event unless its id is in the file of those handled.
 *
 * In earnest: a table with a unique key on the event's id, written in one transaction with what handle() writes. PHP forgets
 * all variables after each request, so this example keeps the ids in a file. It is locked until handle() is done.
 */
function handleOnce(array $event): void
{
    $file = fopen(sys_get_temp_dir() . '/praxtalk-events-' . md5(__FILE__), 'c+');
    flock($file, LOCK_EX);
    $seen = explode("\n", stream_get_contents($file));
    if (in_array($event['id'], $seen, true)) {
        return;
    }
    handle($event);
    $seen[] = $event['id'];
    rewind($file);
    ftruncate($file, 0);
    fwrite($file, implode("\n", array_slice($seen, -MAX_SEEN)));
}

/** The status to answer with. */
function receive(): int
{
    $secret = (string) getenv('PRAXTALK_WEBHOOK_SECRET');
    if ($secret === '') {
        throw new RuntimeException('Set PRAXTALK_WEBHOOK_SECRET to the whsec_... that PraxTalk showed.');
    }
    $rawBody = file_get_contents('php://input', false, null, 0, MAX_BODY + 1);
    if (strlen($rawBody) > MAX_BODY) {
        return 413;
    }
    if (!verify($rawBody, $_SERVER['HTTP_X_PRAXTALK_SIGNATURE'] ?? '', $secret)) {
        return 400;
    }
    handleOnce(json_decode($rawBody, true, 512, JSON_THROW_ON_ERROR));

    return 204;
}

ini_set('display_errors', '0'); // else PHP answers 200 to a request that ended with an error
http_response_code(receive());
