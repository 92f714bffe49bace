"""Networks, losses and metrics in Keras operations alone, so that they run on every Keras backend."""

from lfsr_tf.model_info import ModelInfo
from lfsr_tf.networks.checkpoint import load_model, save_model
from lfsr_tf.networks.cost import multiply_adds
from lfsr_tf.networks.interface import scale_of, takes_noise_level, with_noise_level
from lfsr_tf.networks.losses import LOSSES, WeightedLoss, build_loss
from lfsr_tf.networks.metrics import HFEN, NRMSE, PSNR, SSIM
from lfsr_tf.networks.receptive import grid_stride, receptive_radius
from lfsr_tf.networks.registry import NETWORKS, build_network
from lfsr_tf.networks.residual import ResidualSR
from lfsr_tf.networks.srdensenet import SRDenseNet, SRDenseNet_All, SRDenseNet_H, SRDenseNet_HL
from lfsr_tf.networks.trained import TrainedModel, as_trained
from lfsr_tf.networks.unet import UNetSR

__all__ = [
    "HFEN",
    "LOSSES",
    "NETWORKS",
    "NRMSE",
    "PSNR",
    "SSIM",
    "ModelInfo",
    "ResidualSR",
    "SRDenseNet",
    "SRDenseNet_All",
    "SRDenseNet_H",
    "SRDenseNet_HL",
    "TrainedModel",
    "UNetSR",
    "WeightedLoss",
    "as_trained",
    "build_loss",
    "build_network",
    "grid_stride",
    "load_model",
    "multiply_adds",
    "receptive_radius",
    "save_model",
    "scale_of",
    "takes_noise_level",
    "with_noise_level",
]
