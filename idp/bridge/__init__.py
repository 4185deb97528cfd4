"""The signing tool on the person's computer: a page asks, a USB token signs.

Needs Python and ``python-pkcs11``, nothing else of this project. It speaks HTTP on 127.0.0.1
(``POST /authenticate``) or, started with ``--native``, native messaging with a browser
extension; both answer a Web eID authentication token (``web-eid:1.0``).

What it holds to (docs/signing-tool.md):

* The origin that is signed is the one the browser names, never one that the page says. Only
  origins on the list are served; the dialogue names the site before a PIN is typed.
* Every touch of the token is a process of its own with a time limit, since drivers hang and crash.
* The PIN is tried once for each click, is never written anywhere, and never leaves this computer.
"""
