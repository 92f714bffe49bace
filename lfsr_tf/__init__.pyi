from .evaluation import EvaluationConfig as EvaluationConfig, calibrate as calibrate, evaluate as evaluate
from .inference import EnhanceConfig as EnhanceConfig, Enhancer as Enhancer, enhance_scan as enhance_scan
from .model_info import ModelInfo as ModelInfo
from .models import list_models as list_models, load_model as load_model
from .networks import (
    PSNR as PSNR,
    SSIM as SSIM,
    ResidualSR as ResidualSR,
    SRDenseNet as SRDenseNet,
    SRDenseNet_All as SRDenseNet_All,
    SRDenseNet_H as SRDenseNet_H,
    SRDenseNet_HL as SRDenseNet_HL,
    UNetSR as UNetSR,
    build_loss as build_loss,
    save_model as save_model,
)
from .pairs import (
    PairsConfig as PairsConfig,
    PipelineConfig as PipelineConfig,
    prepare_dataset as prepare_dataset,
    steps_per_epoch as steps_per_epoch,
    training_data as training_data,
    validation_data as validation_data,
)
from .physics import (
    AcquisitionConfig as AcquisitionConfig,
    brain_phantom as brain_phantom,
    fourier_downsample as fourier_downsample,
    simulate_acquisition as simulate_acquisition,
    zero_fill as zero_fill,
)
from .scans import (
    Scan as Scan,
    find_scans as find_scans,
    read_scan as read_scan,
    read_volumes as read_volumes,
    write_scan as write_scan,
)
from .serving import export_model as export_model
from .training import TrainConfig as TrainConfig, train as train

__version__: str
