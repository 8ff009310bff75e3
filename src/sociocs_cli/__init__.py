"""`sociocs`: put messages on the queue, look at what could not be sent, and send it back.

A module imports only what stands above it::

    errors                 what AWS refuses -> one line that says what to do
    masking                what may be shown of a message
    stack                  a deployed stack: its outputs and AWS clients
    options                what every command takes, and how every command prints
    queue                  batches of SQS: send with retries, delete, give back
    letters                one dead letter: what it says, and what goes back for it
    reading                read every dead letter without removing one
    move_task              SQS's own message move task
    redrive                send the chosen dead letters back
    runs                   the keys of a `send`, the same again for the same messages after an interruption
    messages               a file of messages -> entries for the queue, or every problem with its message and line
    commands.dead_letters  list, show and redrive
    commands.discard       delete dead letters by name
    commands.pause         pause and resume
    commands.send          validate and enqueue a file of messages
    commands.status        queues, dead letters by code, the event source mapping
    main                   the command, and what it prints when something goes wrong

It works on a deployed stack and on the sandbox alike: only the endpoint differs.
"""
