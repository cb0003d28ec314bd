"""Influence of training pairs on queries: scores by role, relative influence, traces of single queries."""
