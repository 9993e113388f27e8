"""Functions called in the test's own process: what they answer, without a socket."""

import json

from accounts.operator_tokens import issue_token
from praxtalk.core.live import executor, functions
from praxtalk.core.live.functions import every_function
from praxtalk.core.live.results import Failure
from tests.sync.sockets import Failed


def ask(operator, function_name, /, **arguments):
    """The value as this operator's client reads it. Raises Failed."""
    return ask_with(issue_token(operator)[0], function_name, **arguments)


def ask_with(token, function_name, /, **arguments):
    """The same with a token."""
    return answer_of(function_name, {**arguments, "sessionToken": token})


def answer_of(function_name, arguments):
    """The same of anybody, whose token is among the arguments."""
    kind = "query" if every_function()[function_name].topics else "mutation"
    wire = json.loads(json.dumps(arguments))
    try:
        asked = functions.parse_call(function_name, [wire], kind=kind, socket_token=None)
        if kind == "mutation":
            outcome, _ = executor.run_mutation(asked)
        else:
            caller = executor.identify(asked.function.authenticator, asked.token)
            outcome = executor.answer(asked, caller, asked.checked()).result
    except (functions.WrongArguments, functions.FunctionError) as error:
        outcome = functions.failure_from(error)
    if isinstance(outcome, Failure):
        raise Failed({"errorData": json.loads(outcome.data)} if outcome.data else {}, outcome.message)
    return json.loads(outcome.value)


def topics_of(operator, function_name, /, **arguments):
    """What the query depends on for this operator."""
    asked = functions.parse_call(function_name, [arguments], kind="query", socket_token=issue_token(operator)[0])
    caller = executor.identify(asked.function.authenticator, asked.token)
    return set(asked.function.topics_of(caller, asked.checked()))
