"""OpenID Connect on Authlib and joserfc: discovery, keys, the code flow with PKCE, and the checks of a token.

Every call goes through `controlplane.outbound`; nothing here reads or writes a row.
"""
