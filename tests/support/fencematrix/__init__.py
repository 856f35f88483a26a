"""The fence matrix: every rung with every fault, on real agents, real controllers and a node that really dies.

The ladder, the driver and the rules are the operator's; the API server and SSH are in memory. Judged from the power
supply's own journal, the controllers' audit logs and the journal of status writes by code that knows no operator.
"""
