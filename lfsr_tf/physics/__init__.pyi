from .acquisition import (
    draw_sigma as draw_sigma,
    simulate_acquisition as simulate_acquisition,
    simulate_complex as simulate_complex,
)
from .anatomy import random_anatomy as random_anatomy
from .background import BackgroundNoise as BackgroundNoise, background_noise as background_noise
from .effects import (
    apodisation_window as apodisation_window,
    apply_random_phase as apply_random_phase,
    bias_field as bias_field,
    elliptical_mask as elliptical_mask,
    random_phase as random_phase,
    t2_weights as t2_weights,
)
from .fourier import (
    fft2c as fft2c,
    ifft2c as ifft2c,
    image_to_kspace as image_to_kspace,
    kspace_to_image as kspace_to_image,
)
from .intensity import reference_intensity as reference_intensity, safe_reference as safe_reference
from .noise import (
    NoiseEstimate as NoiseEstimate,
    estimate_sigma_complex as estimate_sigma_complex,
    estimate_sigma_kspace as estimate_sigma_kspace,
    estimate_sigma_magnitude as estimate_sigma_magnitude,
    remove_rician_bias as remove_rician_bias,
)
from .phantom import brain_phantom as brain_phantom
from .phase import in_phase_image as in_phase_image
from .sampling import (
    crop_kspace as crop_kspace,
    fourier_downsample as fourier_downsample,
    measured_kspace as measured_kspace,
    zero_fill as zero_fill,
    zero_fill_magnitude as zero_fill_magnitude,
    zero_pad_kspace as zero_pad_kspace,
)
from .settings import AcquisitionConfig as AcquisitionConfig
from .signals import tissue_signals as tissue_signals
