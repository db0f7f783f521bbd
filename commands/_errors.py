"""What a user can mend."""

from data import DataError


class UserError(Exception):
    """A wrong argument, recipe or model: told in one paragraph (rule, value met, way out), exit code 2."""


USER_ERRORS = (UserError, DataError)
