"""The decision, pure: one frozen look in, one decision out."""

from maestro_operator.decide.rules import RULES, decide

__all__ = ["RULES", "decide"]
