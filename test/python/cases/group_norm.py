import references as reference

from .case import Case


class GroupNorm(Case):
    layout_of = reference.group_layout
    forward_op, backward_op = 'TfjsGroupNorm', 'TfjsGroupNormGrad'
    defaults = {**Case.defaults, 'axis': -1, 'groups': 32}


CASES = [
    GroupNorm('group_norm', (2, 6, 6, 64)),
    GroupNorm('group_norm_odd', (3, 5, 5, 30), groups=6, epsilon=1e-5),
    GroupNorm('group_norm_channels_first', (2, 12, 7, 5), axis=1, groups=4),
    GroupNorm('group_norm_instance', (3, 6, 6, 10), groups=10),
    GroupNorm('group_norm_matrix', (4, 32), groups=8, scale=False),
    GroupNorm('group_norm_layer', (2, 9, 8), groups=1, center=False),
    GroupNorm('group_norm_one_value', (3, 8), groups=8),
]
