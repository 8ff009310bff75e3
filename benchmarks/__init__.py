"""The function against what a competent team would write in an afternoon: one run, on this machine, as ratios.

    __main__       the command line: python -m benchmarks
    measures       what is measured, and the limits
    surroundings   what both contenders are given: an AWS endpoint, a Sociocs with TLS, a table, a secret
    contender      a process that holds one contender, from outside; worker is the same from inside
    ours, peer     the contenders
    events         the batches that both get
    package        how large each is when packaged
    ratio          medians, spread, ratios, limits
    report         the table, and the same as JSON

Contenders take turns (ABAB), so that whatever else the machine does meets all of them, and a ratio is the median of
the ratios of the turns. Each is a process of its own: its CPU time is that of its own code, and not of the stand-ins.
Times are shown and never judged; ratios are.
"""
