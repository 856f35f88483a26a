"""The decision, pure: one frozen look in, one decision out."""

from maestro_operator.decide.rules import RULES, RULES_OF_A_MACHINE, decide, rules_of

__all__ = ["RULES", "RULES_OF_A_MACHINE", "decide", "rules_of"]
