"""The second stage: blend, MMR, groups, explanations."""
