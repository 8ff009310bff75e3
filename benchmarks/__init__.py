"""A comparison of the function with a simple solution, in one run on this machine. The results are ratios.

    __main__       the command line: python -m benchmarks
    measures       the measurements and their limits
    surroundings   the environment of both contenders: an AWS endpoint, Sociocs with TLS, a table, a secret
    contender      starts and controls the process of one contender
    worker         the program in that process
    ours, peer     the two contenders
    events         the batches for both
    package        the sizes of the two packages
    ratio          medians, spread, ratios, limits
    report         the result as a table and as JSON

Contenders take turns (ABAB), so other load of the machine affects both. A ratio is the median of the ratios of all
turns. Each contender has its own process, so its CPU time does not include the stand-ins. Ratios have limits. Times are
shown for information.
"""
