"""People in the loop, in a browser: inspect, write hypotheses, annotate blind, adjudicate.

Server-rendered pages whose filters are GET forms (the URL is the state), small scripts of our own, nothing from
elsewhere. The server is meant to stay small, so its modules import neither pandas nor PyTorch: a child process turns
a run's tables into arrays (`index`), the server reads those, the crops and the maps.
"""
