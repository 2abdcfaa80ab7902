"""The servers of a one-machine installation: Postgres and Valkey from wheels, over private unix sockets.

Plain Python: importable before Django's settings, which ask `home.Home` where the servers are.
"""
