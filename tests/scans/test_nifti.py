"""NIfTI survives a round trip: voxels, place, codes, units, descriptions, extensions."""

import gzip

import nibabel as nib
import numpy as np
import pytest
from isal import igzip

from lfsr_tf.errors import OutputError, ScanError
from lfsr_tf.scans.geometry import voxel_to_world
from lfsr_tf.scans.nifti import read_nifti, write_nifti
from lfsr_tf.scans.scan import Scan
from lfsr_tf.scans.writing import write_scan

WRITTEN_ANEW = {"datatype", "bitpix", "scl_slope", "scl_inter"}


def _save(path, voxels, qform=None, sform=None, codes=(0, 0), units="mm"):
    header = nib.Nifti1Header()
    header.set_data_shape(voxels.shape)
    header.set_data_dtype(voxels.dtype)
    header.set_zooms([0.9, 0.8, 4.0])
    header.set_qform(qform, codes[0])
    header.set_sform(sform, codes[1])
    header.set_xyzt_units(units)
    header["descrip"] = b"spin echo; TE 100"
    header["aux_file"] = b"notes.txt"
    header.set_dim_info(freq=0, phase=1, slice=2)
    header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"kept"))
    nib.save(nib.Nifti1Image(voxels, None, header), path)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("codes", [(1, 1), (1, 2), (2, 1), (1, 0), (0, 1), (0, 4), (0, 0)])
def test_a_round_trip_changes_nothing_but_the_voxel_type(tmp_path, image, oblique_affine, suffix, codes):
    first = _save(
        tmp_path / f"first{suffix}", image(20, 24, 6).astype(np.int16), oblique_affine, oblique_affine, codes
    )
    (scan,) = read_nifti(first)
    write_nifti(scan, tmp_path / f"second{suffix}")
    old, new = nib.load(first), nib.load(tmp_path / f"second{suffix}")
    differing = {key for key in old.header if not np.allclose(_plain(old, key), _plain(new, key), atol=1e-5)}
    assert differing <= WRITTEN_ANEW
    assert new.header["descrip"] == b"spin echo; TE 100"
    assert new.header["aux_file"] == b"notes.txt"
    assert [e.get_content() for e in new.header.extensions] == [
        e.get_content() for e in old.header.extensions
    ]
    assert new.get_data_dtype() == np.float32
    np.testing.assert_allclose(new.affine, old.affine, atol=1e-4)
    np.testing.assert_array_equal(new.get_fdata(), old.get_fdata())


def test_the_orientation_that_is_taken_where_the_header_gives_none_is_said(tmp_path, image):
    (scan,) = read_nifti(_save(tmp_path / "a.nii", image(20, 24, 6)))
    assert "".join(nib.aff2axcodes(scan.affine)) == "LAS"
    assert scan.notes == ("The header gives no orientation; the volume is taken as LAS and centred.",)


def _plain(image, key):
    value = np.asarray(image.header[key])
    if value.dtype.kind == "S":
        value = np.frombuffer(value.tobytes(), np.uint8)
    # nibabel keeps the slope outside of the header once it has read it.
    return np.nan_to_num(value.astype(np.float64))


@pytest.mark.parametrize("codes", [(1, 1), (1, 0), (0, 2), (0, 0)])
def test_a_new_matrix_halves_voxels_and_keeps_voxel_0_for_every_reader(
    tmp_path, image, oblique_affine, codes
):
    path = _save(tmp_path / "in.nii.gz", image(20, 24, 6), oblique_affine, oblique_affine, codes)
    (scan,) = read_nifti(path)
    write_nifti(scan.with_slices(np.zeros((6, 40, 48), np.float32)), tmp_path / "out.nii.gz")
    new = nib.load(tmp_path / "out.nii.gz")
    np.testing.assert_allclose(new.header.get_zooms(), (0.45, 0.4, 4.0), atol=1e-6)
    np.testing.assert_allclose(new.affine[:3, 3], scan.affine[:3, 3], atol=1e-4)
    np.testing.assert_allclose(new.affine[:3, :2] * 2, scan.affine[:3, :2], atol=1e-5)


def test_qform_and_sform_that_differ_are_both_kept_apart(tmp_path, image, oblique_affine):
    to_template = oblique_affine.copy()
    to_template[:3, 3] += (10, 20, 30)
    path = _save(tmp_path / "in.nii", image(20, 24, 6), oblique_affine, to_template, (1, 4))
    (scan,) = read_nifti(path)
    write_nifti(scan.with_slices(np.zeros((6, 40, 48), np.float32)), tmp_path / "out.nii")
    header = nib.load(tmp_path / "out.nii").header
    (qform, qcode), (sform, scode) = header.get_qform(coded=True), header.get_sform(coded=True)
    assert (int(qcode), int(scode)) == (1, 4)
    halves = np.diag([0.5, 0.5, 1, 1])
    np.testing.assert_allclose(qform, oblique_affine @ halves, atol=1e-4)
    np.testing.assert_allclose(sform, to_template @ halves, atol=1e-4)


@pytest.mark.parametrize(("units", "millimetres"), [("meter", 1000.0), ("micron", 0.001), ("unknown", 1.0)])
def test_units_of_length_become_millimetres_and_go_back_as_they_were(tmp_path, image, units, millimetres):
    affine = np.diag([1.0, 1.0, 3.0, 1.0])
    path = _save(tmp_path / "in.nii", image(20, 24, 6), affine, affine, (1, 1), units)
    (scan,) = read_nifti(path)
    np.testing.assert_allclose(scan.voxel_sizes, np.array([1, 1, 3]) * millimetres)
    write_nifti(scan, tmp_path / "out.nii")
    again = nib.load(tmp_path / "out.nii")
    assert again.header.get_xyzt_units()[0] == units
    np.testing.assert_allclose(again.affine, affine, atol=1e-5)
    np.testing.assert_allclose(again.header.get_zooms(), (1, 1, 3), atol=1e-5)


def test_slope_and_intercept_are_applied(tmp_path):
    stored = np.arange(20 * 24 * 2, dtype=np.int16).reshape(20, 24, 2)
    plain = nib.Nifti1Image(stored, np.eye(4))
    plain.header.set_slope_inter(0.5, -3)
    nib.save(plain, tmp_path / "scaled.nii")
    (scan,) = read_nifti(tmp_path / "scaled.nii")
    np.testing.assert_allclose(scan.voxels, stored * 0.5 - 3)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize(
    "shape", [(20, 24, 6), (20, 24, 6, 5), (20, 24), (20, 24, 1, 1, 1), (1, 20, 24, 1), (3, 20, 24)]
)
@pytest.mark.parametrize("dtype", [">i2", "<u4", "<f4", "<f8"])
def test_voxels_read_in_parts_are_nibabels(tmp_path, monkeypatch, name, shape, dtype):
    plain = nib.Nifti1Image(np.random.default_rng(0).integers(0, 2**15, shape).astype(dtype), np.eye(4))
    plain.header.set_slope_inter(0.37, -3.1)
    nib.save(plain, tmp_path / name)
    monkeypatch.setattr("lfsr_tf.scans.nifti._PART", 2000)
    found = np.stack([scan.voxels for scan in read_nifti(tmp_path / name)], axis=-1)
    expected = nib.load(tmp_path / name).get_fdata(dtype=np.float32)
    np.testing.assert_array_equal(found.reshape(shape), expected)
    assert found.dtype == np.float32


def test_a_packed_file_is_unpacked_once(tmp_path, monkeypatch):
    places = []

    class Watched(igzip.IGzipFile):
        def seek(self, offset, whence=0):
            places.append(offset)
            return super().seek(offset, whence)

    voxels = np.random.default_rng(0).integers(0, 2**15, (20, 24, 30)).astype(np.int16)
    nib.save(nib.Nifti1Image(voxels, np.eye(4)), tmp_path / "a.nii.gz")
    monkeypatch.setattr("lfsr_tf.scans.nifti._PART", 2000)
    monkeypatch.setattr("lfsr_tf.scans.nifti_files.igzip.IGzipFile", Watched)
    read_nifti(tmp_path / "a.nii.gz")
    voxel_places = places[places.index(352) :]
    assert len(voxel_places) > 20
    assert voxel_places == sorted(voxel_places)


def test_what_is_raised_is_not_logged_besides(tmp_path, image, caplog):
    content = bytearray(_save(tmp_path / "a.nii", image(20, 24, 6)).read_bytes())
    content[70:72] = (77).to_bytes(2, "little")
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(ScanError, match="data code 77 not recognized"):
        read_nifti(tmp_path / "a.nii")
    assert not caplog.records


def test_a_series_gives_one_scan_a_volume(nifti_file, image, oblique_affine):
    series = np.stack([image(20, 24, 6) * gain for gain in (1, 2, 3)], axis=-1)
    scans = read_nifti(nifti_file(series))
    assert [scan.voxels.shape for scan in scans] == [(20, 24, 6)] * 3
    for gain, scan in zip((1, 2, 3), scans, strict=True):
        np.testing.assert_allclose(scan.voxels, image(20, 24, 6) * gain, rtol=1e-6)
        np.testing.assert_allclose(scan.affine, oblique_affine, atol=1e-5)


def test_a_volume_of_a_series_is_written_as_a_volume(nifti_file, image, tmp_path):
    series = np.stack([image(20, 24, 6), image(20, 24, 6) + 1], axis=-1)
    write_nifti(read_nifti(nifti_file(series))[1], tmp_path / "second.nii.gz")
    again = nib.load(tmp_path / "second.nii.gz")
    assert again.shape == (20, 24, 6)
    np.testing.assert_allclose(again.get_fdata(), series[..., 1])


def test_a_single_slice_is_a_volume_of_one(nifti_file, image):
    (scan,) = read_nifti(nifti_file(image(20, 24), np.diag([1.0, 1.0, 5.0, 1.0])))
    assert scan.voxels.shape == (20, 24, 1)
    assert scan.slice_axis == 2


def test_nifti_2_stays_nifti_2(tmp_path, image, oblique_affine):
    nib.save(nib.Nifti2Image(image(20, 24, 6), oblique_affine), tmp_path / "in.nii.gz")
    (scan,) = read_nifti(tmp_path / "in.nii.gz")
    write_nifti(scan, tmp_path / "out.nii.gz")
    assert isinstance(nib.load(tmp_path / "out.nii.gz"), nib.Nifti2Image)


def test_the_same_scan_gives_the_same_bytes(tmp_path, nifti_file, image):
    (scan,) = read_nifti(nifti_file(image(20, 24, 6)))
    for name in ("a.nii.gz", "b.nii.gz"):
        write_nifti(scan, tmp_path / name)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    head = (tmp_path / "a.nii.gz").read_bytes()[:10]
    assert head[3:8] == bytes(5), "a name or a time in the header"


def test_what_is_packed_here_python_unpacks(tmp_path, nifti_file, image):
    (scan,) = read_nifti(nifti_file(image(70, 80, 30)))
    for name in ("a.nii", "a.nii.gz"):
        write_nifti(scan, tmp_path / name)
    assert gzip.decompress((tmp_path / "a.nii.gz").read_bytes()) == (tmp_path / "a.nii").read_bytes()


@pytest.mark.parametrize(("source", "code"), [("dicom", 1), ("fastmri", 2), ("numpy", 2)])
def test_scans_of_other_formats_get_both_transforms(tmp_path, image, oblique_affine, source, code):
    write_nifti(Scan(image(20, 24, 6), oblique_affine, format=source), tmp_path / "out.nii.gz")
    header = nib.load(tmp_path / "out.nii.gz").header
    for transform, found in (header.get_qform(coded=True), header.get_sform(coded=True)):
        assert int(found) == code
        np.testing.assert_allclose(
            voxel_to_world(transform, (19, 23, 5)), voxel_to_world(oblique_affine, (19, 23, 5)), atol=1e-3
        )
    assert header.get_xyzt_units()[0] == "mm"


def test_another_suffix_is_refused_before_anything_is_written(tmp_path, image, oblique_affine):
    with pytest.raises(OutputError, match=r"Expected a name ending in .nii or .nii.gz .*Received: .*out.mgz"):
        write_scan(Scan(image(20, 24, 6), oblique_affine), tmp_path / "out.mgz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize("quaternion", [5.0, np.nan])
def test_a_quaternion_that_is_none_gives_way_to_the_sform(
    tmp_path, image, oblique_affine, code: int, quaternion: float
):
    path = _save(tmp_path / "a.nii", image(20, 24, 6), oblique_affine, oblique_affine, (1, 1))
    damaged = nib.load(path)
    voxels = np.asanyarray(damaged.dataobj).copy()
    damaged.header["qform_code"] = code
    for name in "bcd":
        damaged.header[f"quatern_{name}"] = quaternion
    with path.open("wb") as stream:
        nib.Nifti1Image(voxels, None, damaged.header).to_stream(stream)
    (scan,) = read_nifti(path)
    write_nifti(scan, tmp_path / "b.nii")
    written = nib.load(tmp_path / "b.nii")
    assert int(written.header["qform_code"]) == code
    for affine in (written.affine, written.header.get_qform()):
        np.testing.assert_allclose(affine, oblique_affine, atol=1e-3)
