"""`sociocs`: put messages on the queue, look at the dead letters, and send them back.

A module imports only what stands before it::

    errors             an error of AWS -> one line that says what to do
    text               moments, lengths of time, numbers and foreign text, written for people
    streams            standard output and error of which no failure is an exception
    output             the only module that prints: results on standard output, the rest on standard error
    signals            Ctrl-C and SIGTERM interrupt between two steps, not within one
    masking            what may be shown of a message
    stack              a deployed stack: its outputs and AWS clients
    options            the options that every command has
    queue              SQS in batches: send with retries, delete, hide, give back, count
    metrics            what CloudWatch says about a stack
    letters            one dead letter, and what it says
    choice             which letters go back
    holding            received letters: kept hidden, then given back
    reading            every dead letter of a queue, none removed
    looking            the dead letters of all queues of a stack
    summaries          what a list says of dead letters
    tables             tables that more than one command prints
    pages              what `show` says of one letter
    returning          what goes back to the queue for one letter
    redrive_report     what a redrive did, in words and for programs
    redrive            send the chosen letters back
    discarding         find letters by name, and delete exactly those
    runs               the keys of a `send`: the same for the same run
    numbers            phone numbers that nobody has
    envelopes          envelopes that people give to `send` instead of messages
    message_file       a file -> the texts that should be messages
    messages           those texts -> entries for the queue, or every problem with its message and line
    sending            put the messages of a run on the queue
    send_report        what `send` says of messages
    commands.list      count dead letters by code, and name each of them
    commands.show      one dead letter
    commands.redrive   send dead letters back
    commands.discard   delete dead letters by name
    commands.pause     pause and resume
    commands.send      validate and queue a file of messages
    commands.status    how much waits where, and whether sending is on
    main               the command, and what it says when something goes wrong

The command works on a deployed stack and on the sandbox alike: only the endpoint differs.
"""
