"""The function's surroundings on one machine: AWS, Sociocs, and Lambda between them. `python -m sandbox --help`.

A module imports only what stands above it::

    server_process                          a server of the sandbox in a process of its own
    http_server                             what the sandbox's own HTTP servers have in common
    steps                                   the steps of a program that takes a while
    aws.callers                             who calls AWS, and with which settings
    aws.access_log                          which AWS calls were made, by whom and on what
    aws.cloudformation.functions            the intrinsic functions
    aws.cloudformation.parameters           the parameters' values, checked
    aws.cloudformation.template             a template and its parameters -> a plain template
    aws.cloudformation.resource             one resource, as moto makes it
    aws.cloudformation.resources            the resource types that moto lacks
    aws.cloudformation.engine               a plain template -> its resources, created, updated, deleted in order
    aws.moto_patches.registry               how a function of ours replaces one of moto's
    aws.moto_patches.serialising            one lock around all of moto
    aws.moto_patches.invocation             functions are invoked over HTTP
    aws.moto_patches.cloudformation         stacks and change sets go through our engine
    aws.moto_patches.target_input           what a target of an EventBridge rule gets of an event
    aws.moto_patches.events                 EventBridge: delivery, dead letters and refusals
    aws.moto_patches.topics                 SNS: refused subscriptions, and what a subscriber cannot get
    aws.moto_patches.functions              Lambda: event source mappings and refused settings
    aws.moto_patches.sqs_limits             what SQS takes
    aws.moto_patches.sqs                    long polls, FIFO order, refused messages
    aws.moto_patches.message_moves          message move tasks
    aws.moto_patches.waits                  shorter waits
    aws.moto_patches.apply                  all patches, applied
    aws.peek                                a queue's messages, without receiving them
    aws.server                              the local AWS endpoint
    aws.process                             starts the endpoint
    aws.deploy                              deploys the template
    sociocs.record                          what the simulator remembers
    sociocs.script                          scripted delays, faults and answers
    sociocs.judgement                       the API page, as rules
    sociocs.answer                          the answers of the API
    sociocs.message_body                    the body of a request, read as JSON
    sociocs.simulator                       the account behind the API
    sociocs.control                         the control API for tests
    sociocs.inbox                           the inbox page for people
    sociocs.server                          the HTTP side
    sociocs.client                          how tests and the sandbox start the simulator and talk to it
    lambda_service.function                 the function as deployed
    lambda_service.runtime_api              the Runtime API of one execution environment
    lambda_service.bound_to_parent          a command that ends with its parent
    lambda_service.portable_runtime_client  a runtime client where `awslambdaric` has no wheels
    lambda_service.execution_environment    one process of the function, one event at a time
    lambda_service.runtime                  execution environments, synchronous and asynchronous invocation
    lambda_service.invoke_endpoint          receives the invocations that the AWS endpoint forwards
    lambda_service.sqs_event                received messages -> the event that Lambda makes of them
    lambda_service.event_source_mapping     polls the queue and invokes the function with batches
    sandbox                                 all of it as one object
    demo.samples                            the sample files as messages
    demo.accounting                         what became of each message
    demo.report                             the result as a table
    demo.program                            `make demo`
    soak.faults                             one kind of trouble at a time
    soak.program                            `make soak`
"""
