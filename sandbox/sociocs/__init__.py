"""A stand-in for the Sociocs API: real HTTP on loopback, judged by its own reading of the API page.

    sender ──POST /message──> server ──> simulator ──> judgement   the API page, as rules
                                │            ├───────> script      scripted delays, faults and answers
                                │            └───────> record      every request, every accepted message
    person ──GET /────────────> ├──> inbox                         the messages as a person would see them
    test ────/_control/…──────> └──> control  <── client           what SociocsSimulator talks to

The simulator is a process of its own (`python -m sandbox.sociocs`). Tests and the sandbox start it with `running()` and
talk to it through `SociocsSimulator`. It never imports the function, and it never fails at random.
"""
