"""`make kill-matrix`: the operator dies at every step boundary of every kind of episode, and a new one finishes.

What is killed is a process of the operator as it ships; the death comes from here, around the store and the
drivers that it is composed with. What came of it is judged by `laws` and `verdict`, which know nothing of the operator.
"""
