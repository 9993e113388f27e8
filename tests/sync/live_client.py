"""Call functions of the live API in the test's own process, without a WebSocket."""

import json

from accounts.operator_tokens import issue_token
from praxtalk.core.live import executor, functions
from praxtalk.core.live.functions import all_functions
from praxtalk.core.live.results import Failure, FunctionError, InvalidCall, to_failure
from tests.sync.sockets import Failed


def ask(operator, function_name, /, **arguments):
    """Call a function as this operator, and return its value as a client reads it.

    Raises Failed if the call is refused.
    """
    return ask_with(issue_token(operator)[0], function_name, **arguments)


def ask_with(token, function_name, /, **arguments):
    """Like `ask`, with a given token."""
    return answer_of(function_name, {**arguments, "sessionToken": token})


def answer_of(function_name, arguments):
    """Like `ask`, with the token, if any, among the arguments, so that visitors can call functions too."""
    kind = "query" if all_functions()[function_name].topics else "mutation"
    wire = json.loads(json.dumps(arguments))
    try:
        asked = functions.parse_call(function_name, [wire], kind=kind, socket_token=None)
        if kind == "mutation":
            outcome, _ = executor.run_mutation(asked)
        else:
            caller = executor.identify(asked.function.authenticator, asked.token)
            outcome = executor.run_query(asked, caller, asked.validated_arguments()).result
    except (InvalidCall, FunctionError) as error:
        outcome = to_failure(error)
    if isinstance(outcome, Failure):
        raise Failed({"errorData": json.loads(outcome.data)} if outcome.data else {}, outcome.message)
    return json.loads(outcome.value)


def topics_of(operator, function_name, /, **arguments):
    """Return the topics that the query depends on for this operator."""
    asked = functions.parse_call(function_name, [arguments], kind="query", socket_token=issue_token(operator)[0])
    caller = executor.identify(asked.function.authenticator, asked.token)
    return set(asked.function.topics_of(caller, asked.validated_arguments()))
