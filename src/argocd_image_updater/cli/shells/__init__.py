"""Completion scripts, one module per shell: from the commands and flags to the script's text.

Pure. The scripts are complete in themselves: pressing the key starts no process of this program.
"""
