from .config import PairsConfig as PairsConfig, load_preset as load_preset
from .dataset import DatasetInfo as DatasetInfo, open_dataset as open_dataset
from .options import PipelineConfig as PipelineConfig
from .pipeline import (
    steps_per_epoch as steps_per_epoch,
    training_data as training_data,
    validation_data as validation_data,
)
from .preparing.prepare import prepare_dataset as prepare_dataset
from .reading import check_records as check_records, read_records as read_records
from .simulate import simulate_scan as simulate_scan
from .slices import (
    HrSlices as HrSlices,
    hr_scan as hr_scan,
    hr_slices as hr_slices,
    low_resolution_reference as low_resolution_reference,
)
