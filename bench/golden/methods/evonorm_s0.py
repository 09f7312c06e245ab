from ..method import Method
from .group_norm import attributes

METHOD = Method(forward="TfjsEvoNormS0", attributes=attributes)
