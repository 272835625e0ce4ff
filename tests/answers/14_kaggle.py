"""Right answers to the exercises of lesson 14."""

import math


def rule(sex, age, group):
    """Return 1 for women, and for young children but those of the third class."""
    child = age is not None and age < 10 and group != "3rd"
    return int(sex == "female" or child)


def chance(female, age, group):
    """Return the probability of the logistic regression."""
    of_class = {"1st": 2.239, "2nd": 0.993, "3rd": 0.0}[group]
    return 1 / (1 + math.exp(-(-2.415 + 2.599 * female - 0.411 * age + of_class)))


def file(ids, answers):
    """Return the text of a submission."""
    lines = [f"{one},{answer}" for one, answer in zip(ids, answers, strict=True)]
    return "\n".join(["PassengerId,Survived", *lines]) + "\n"
