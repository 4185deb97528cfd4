"""A federation of invented authorities (OpenID Federation 1.0), on the wire of the real ones.

* ``entity``: a member, its key, and what it says about itself (sections 3, 9)
* ``authority``: a member that vouches for others: the trust anchor, a ministry (sections 5.1.1, 8)
* ``marks``: who issues trust marks (section 7)
* ``members``: who they are here, and what each demands
* ``pages``: their addresses, and the page on which the ministry withdraws its word
* ``province``: a province's portal, which no operator registers (section 12.1)
"""
