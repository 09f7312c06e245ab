"""Batch norm with given statistics."""

import torch.nn.functional as F

from ..peer import Peer, channels_first


def inference(t, setting, x, gamma, beta):
    return F.batch_norm(channels_first(x), t["mean"], t["variance"], gamma, beta, False, 0, setting.epsilon)


PEER = Peer(
    op="TfjsBatchNormInference",
    attributes=lambda setting: {"epsilon": setting.epsilon},
    torch=inference,
    bytes_per_element=(8, 12),
)
