"""What the tests of the page's calls send, and how they read what comes back."""

import base64
import io

import httpx
import numpy as np
import pydicom
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid


def enhance(client: httpx.Client, name: str, body: bytes, **headers: str) -> httpx.Response:
    return client.post("/page/enhance", params={"name": name}, content=body, headers=headers)


def refusal(client: httpx.Client, name: str, body: bytes, status: int = 400) -> str:
    answer = enhance(client, name, body)
    assert answer.status_code == status
    message = answer.json()["error"]
    assert "\n" not in message
    assert "/tmp" not in message and "upload" not in message
    return message


def picture(data_url: str) -> np.ndarray:
    head, _, text = data_url.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def png(levels: np.ndarray, kind: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, format=kind)
    return stream.getvalue()


def dicom(levels: np.ndarray) -> bytes:
    """A single axial MR slice of 2.5 x 3 mm pixels."""
    dataset = pydicom.Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, generate_uid()
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = generate_uid(), generate_uid()
    dataset.Modality, dataset.InstanceNumber, dataset.ImageType = "MR", 1, ["ORIGINAL", "PRIMARY", "M"]
    dataset.Rows, dataset.Columns = levels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.PixelSpacing, dataset.SliceThickness = [2.5, 3.0], 5.0
    dataset.ImageOrientationPatient, dataset.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0, 0, 0]
    dataset.PixelData = levels.astype("<u2").tobytes()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
