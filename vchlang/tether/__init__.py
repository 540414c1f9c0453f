"""The tether: init of an executor. It starts, restarts, confines and reports the executor's tasks.

It imports the standard library and itself, nothing else, so that it can be packed into one file (`packing`) and run
on a machine, or in a guest, that has Python and nothing of vch.

`main` is the program, `client` talks to a running one, `packing` makes the file. The rest is theirs: `spec` (what is
wanted), `policy` (what follows from what happened; pure), `supervise` (the loop that does it), `launch`, `promises`,
`probes`, `control`, `rooted`, `remains` and `report`.
"""
