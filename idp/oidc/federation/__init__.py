"""OpenID Federation 1.0: portals that a ministry or a province vouches for join by themselves.

* ``statements``: signed statements about entities and their checks (section 3)
* ``policy``: metadata policy, combined and applied (section 6.1)
* ``chains``: trust chains, checked and found within limits (sections 4, 6.2, 10)
* ``marks``: trust marks (section 7)
* ``anchors``: the trust anchors that an operator pinned
* ``configuration``: what we say about ourselves (sections 5.1.3, 9)
* ``clients``: client metadata of a chain (section 5.1.2)
* ``registration``: automatic and explicit registration (section 12)
"""
