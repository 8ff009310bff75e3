"""Turn SQS and EventBridge events into Sociocs messages: nothing lost, nothing sent twice, nobody has to guess.

Data flows one way, and a module imports only what stands above it::

    version               of the function
    clock                 wall and monotonic time, passed to whatever measures it
    settings              environment -> Settings
    observability         log lines and metrics
    outcome               Accepted, Rejected, Deferred, Unknown, and the error codes
    sqs_limits            what SQS takes: sizes, characters, ids, batches
    contract.problems     what is wrong with a message, in words that hold none of its values
    contract.formats      the shapes that strings of a message may have
    contract.strict_json  JSON in which nothing can be understood in two ways
    contract.message      the contract: a JSON object -> a valid message, or every problem with it
    envelope              Lambda event -> deliveries, one for each message in it
    connections           HTTP connections that keep to a deadline, and know whether a request went out
    aws                   AWS clients on those connections; what of a batch call is done
    ledger                once only: begin, finish, release
    sociocs.api_key       Secrets Manager -> the apikey, cached and refreshed
    sociocs.redaction     removes what a message said from a text that may repeat it
    sociocs.transport     a requests session on those connections
    sociocs.answers       an answer of the API -> outcome
    sociocs.client        one request body -> POST /message -> outcome
    retries               when a deferred message is tried again, and when it is not any more
    pace                  what decides before each send whether it may start: pace, breaker, time
    sending               one delivery -> outcome
    dead_letter           what a dead letter carries
    routing               outcomes -> dead letters, waits, acknowledgements
    batch                 many deliveries -> routed results: threads, order, time
    reporting             one result -> log line, metrics, outcome event
    handler               wires all of it once

A producer's message travels like this::

    event -> envelope.open_event -> [Delivery] -> batch.run -> sending.send -> Outcome -> routing.route -> Routed
      -> reporting -> routing.response
"""
