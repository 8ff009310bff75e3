"""`sociocs`: put messages on the queue, look at what could not be sent, and send it back.

    main            the command and what it says when something goes wrong
    commands/       one module for each group of commands: options in, words or JSON out
    stack           a deployed stack: its outputs and AWS clients
    messages        a file of messages -> entries for the queue, or every problem with its message and line
    runs            the keys of a `send`, the same again for the same messages after an interruption
    queue           batches of SQS: send with retries, delete, give back
    letters         one dead letter: what it says, and what goes back for it
    reading         look at every dead letter without removing one
    redrive         send the chosen ones back
    move_task       SQS's own message move task
    masking         what may be shown of a message

It works on a deployed stack and on the sandbox alike: only the endpoint differs.
"""
