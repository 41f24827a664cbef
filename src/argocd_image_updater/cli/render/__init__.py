"""Reports as people and machines read them: table, progress, JSON, differences, explanations.

Pure but for the progress line, which writes to its stream: values in, text out.
"""
