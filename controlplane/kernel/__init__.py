"""The few things that every room needs: time, ids, errors named by fate, plug-in loading.

Pure Python: no Django, no Celery, no I/O.
"""
