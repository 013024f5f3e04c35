"""The web pages of a hub, rendered on the server: the list of models, one model, errors.

``views`` are the values that a page shows, ``listing`` and ``model`` read them from a hub, ``pages`` turns them into
HTML, ``routes`` serves them. What people wrote (cards, names, titles) is escaped by the templates; ``markdown`` and
``sanitiser`` turn cards into HTML that can do no harm.
"""
