"""The one exception that a person can do something about."""


class BadInput(ValueError):  # noqa: N818 - names the cause, as the command line prints it
    """Input that cannot be used; the message is one line that says which and why.

    The command line prints the message and exits with status 2.
    """
