from .export import export_model as export_model
from .loader_check import check_saved_model as check_saved_model
