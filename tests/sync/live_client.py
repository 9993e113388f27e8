"""Call functions of the live API in the test's own process, without a WebSocket."""

import json

from accounts.actions.operator_tokens import issue_token
from praxtalk.core.live import executor, functions
from praxtalk.core.live.functions import all_functions
from praxtalk.core.live.results import Failure, FunctionError, InvalidCall, to_failure
from tests.sync.sockets import RequestFailed


def call_as(operator, function_name, /, **arguments):
    """Call a function as this operator, and return its value as a client reads it.

    Raises RequestFailed if the call is refused.
    """
    return call_with_token(issue_token(operator)[0], function_name, **arguments)


def call_with_token(token, function_name, /, **arguments):
    """Like `call_as`, with a given token."""
    return call_function(function_name, {**arguments, "sessionToken": token})


def call_function(function_name, arguments):
    """Like `call_as`, with the token, if any, among the arguments, so that visitors can call functions too."""
    kind = "query" if all_functions()[function_name].topics else "mutation"
    sent = json.loads(json.dumps(arguments))  # as they arrive at the server
    try:
        call = functions.parse_call(function_name, [sent], kind=kind, socket_token=None)
        if kind == "mutation":
            outcome, _ = executor.run_mutation(call)
        else:
            caller = executor.identify(call.function.authenticator, call.token)
            outcome = executor.run_query(call, caller, call.validated_arguments()).result
    except (InvalidCall, FunctionError) as error:
        outcome = to_failure(error)
    if isinstance(outcome, Failure):
        raise RequestFailed({"errorData": json.loads(outcome.data)} if outcome.data else {}, outcome.message)
    return json.loads(outcome.value)


def topics_of(operator, function_name, /, **arguments):
    """Return the topics that the query depends on for this operator."""
    call = functions.parse_call(function_name, [arguments], kind="query", socket_token=issue_token(operator)[0])
    caller = executor.identify(call.function.authenticator, call.token)
    return set(call.function.topics_of(caller, call.validated_arguments()))
