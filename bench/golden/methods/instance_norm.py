"""Group norm, with as many groups as channels."""

from .group_norm import METHOD as METHOD
