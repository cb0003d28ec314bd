"""The commands of `ecif`, one file each: NAME, HELP, add_options(parser), main(options). No torch until one runs."""

from types import ModuleType

from engine.commands import (
    ask,
    benchmark,
    check,
    dashboard,
    demo,
    doctor,
    estimate,
    evaluate,
    export,
    finetune,
    import_decisions,
    run,
    trace,
    whatif,
)

COMMANDS: tuple[ModuleType, ...] = (
    demo,
    check,
    estimate,
    run,
    finetune,
    trace,
    ask,
    whatif,
    export,
    import_decisions,
    dashboard,
    evaluate,
    benchmark,
    doctor,
)
"""in the order of `ecif --help`"""

__all__ = ["COMMANDS"]
