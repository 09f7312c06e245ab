import references as reference

from .case import Case


class LayerNorm(Case):
    layout_of = reference.layer_layout
    forward_op, backward_op = 'TfjsLayerNorm', 'TfjsLayerNormGrad'
    defaults = {**Case.defaults, 'begin_axis': -1}


CASES = [
    LayerNorm('layer_norm', (6, 5, 96)),
    LayerNorm('layer_norm_image', (3, 4, 5, 6), begin_axis=1, epsilon=1e-5),
    LayerNorm('layer_norm_wide', (5, 3000)),
    LayerNorm('layer_norm_bare', (7, 31), scale=False, center=False),
    LayerNorm('layer_norm_far_mean', (8, 257), offset=1000.0),
    LayerNorm('layer_norm_one_column', (9, 1)),
]
