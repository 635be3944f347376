"""The Open Service Broker face (version 2.17, answers trimmed down to 2.13): another platform orders runtimes here.

`views` parse and answer, one service each: `provisioning`, `updating`, `deprovisioning`, `polling`, `fetching`, `binding`. All
work is done by the provisioner's own doors; this room keeps which instance is which runtime, and who may ask.
"""
