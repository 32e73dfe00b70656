"""CamVid, in files written here and in real ones where there are any."""

from pathlib import Path

import numpy as np
import pytest
from label_files import write_colours, write_label, write_photo

from pixelwise.core.errors import DataError, SplitError
from pixelwise.data import open_dataset
from pixelwise.data.splits import shipped

SHARED = Path(__file__).parents[4] / "shared/data"


@pytest.mark.parametrize("layout", ["folders", "annot"])
def test_camvid_in_both_layouts_takes_11_as_void(tmp_path: Path, layout: str) -> None:
    images, labels = {"folders": ("val/images", "val/labels"), "annot": ("val", "valannot")}[layout]
    write_photo(tmp_path / images / "0001.png", 1, 3)
    write_label(tmp_path / labels / "0001.png", [[10, 11, 0]])
    data = open_dataset(f"camvid:{tmp_path}", "val")
    assert data.classes.names[0] == "sky"
    assert data.classes.names[10] == "bicyclist"
    assert data.read(0).labels.tolist() == [[10, 255, 0]]


def test_a_fold_leaves_one_drive_out_and_judges_by_it(tmp_path: Path) -> None:
    for id_ in ("0001TP_1", "0001TP_2", "0006R0_1", "0016E5_1"):
        write_photo(tmp_path / f"train/images/{id_}.png", 1, 1)
        write_label(tmp_path / f"train/labels/{id_}.png", [[0]])
    ids = {
        split: [entry.id for entry in open_dataset(f"camvid:{tmp_path},fold=0001TP", split).entries]
        for split in ("train", "val")
    }
    assert ids == {"train": ["0006R0_1", "0016E5_1"], "val": ["0001TP_1", "0001TP_2"]}
    with pytest.raises(SplitError, match='no split "test" with fold=0001TP'):
        open_dataset(f"camvid:{tmp_path},fold=0001TP", "test")
    with pytest.raises(DataError, match="fold=x is not known"):
        open_dataset(f"camvid:{tmp_path},fold=x", "val")


@pytest.fixture
def original_camvid(tmp_path: Path) -> Path:
    for id_ in ("0006R0_f00930", "Seq05VD_f00000"):  # the first is in SegNet's train list
        write_photo(tmp_path / f"701_StillsRaw_full/{id_}.png", 1, 4)
        colours = [(128, 128, 128), (64, 128, 192), (0, 0, 0), (192, 128, 192)]  # sky, pickup, void, truck
        write_colours(tmp_path / f"LabeledApproved_full/{id_}_L.png", [colours])
    return tmp_path


def test_camvid_in_colours_has_31_classes_and_black_is_void(original_camvid: Path) -> None:
    data = open_dataset(f"camvid:{original_camvid}", "test")
    assert [entry.id for entry in data.entries] == ["Seq05VD_f00000"]
    names = data.classes.names
    assert len(names) == 31
    expected = [names.index("Sky"), names.index("SUVPickupTruck"), 255, names.index("Truck_Bus")]
    assert data.read(0).labels.tolist() == [expected]
    assert data.classes.palette[expected[0]] == (128, 128, 128)


def test_the_31_classes_have_the_published_colours(original_camvid: Path) -> None:
    """Those of CamVid's label_colors.txt without Void, black."""
    published = (
        "Animal 408040, Archway c00080, Bicyclist 0080c0, Bridge 008040, Building 800000, Car 400080, "
        "CartLuggagePram 4000c0, Child c08040, Column_Pole c0c080, Fence 404080, LaneMkgsDriv 8000c0, "
        "LaneMkgsNonDriv c00040, Misc_Text 808040, MotorcycleScooter c000c0, OtherMoving 804040, "
        "ParkingBlock 40c080, Pedestrian 404000, Road 804080, RoadShoulder 8080c0, Sidewalk 0000c0, "
        "SignSymbol c08080, Sky 808080, SUVPickupTruck 4080c0, TrafficCone 000040, TrafficLight 004040, "
        "Train c04080, Tree 808000, Truck_Bus c080c0, Tunnel 400040, VegetationMisc c0c000, Wall 40c000"
    )
    classes = open_dataset(f"camvid:{original_camvid}", "all").classes
    named = zip(classes.names, classes.palette, strict=True)
    assert ", ".join(f"{name} {bytes(colour).hex()}" for name, colour in named) == published


def test_camvid_in_colours_can_be_merged_to_the_11_classes(original_camvid: Path) -> None:
    data = open_dataset(f"camvid:{original_camvid},classes=11", "all")
    assert len(data.classes) == 11
    assert data.read(0).labels.tolist() == [[0, 8, 255, 8]]
    assert len(open_dataset(f"camvid:{original_camvid}", "train")) == 367


def test_the_ground_is_merged_to_road_and_pavement_as_published(original_camvid: Path) -> None:
    merged = open_dataset(f"camvid:{original_camvid},classes=11", "all")
    original = open_dataset(f"camvid:{original_camvid}", "all")
    groups: dict[str, set[str]] = {}
    for colour, id_ in original.class_map.table.items():
        if id_ != 255:
            target = merged.classes.names[merged.class_map.table[colour]]
            groups.setdefault(target, set()).add(original.classes.names[id_])
    assert groups["road"] == {"Road", "LaneMkgsDriv", "LaneMkgsNonDriv"}
    assert groups["pavement"] == {"Sidewalk", "ParkingBlock", "RoadShoulder"}
    assert groups["sky"] == {"Sky"}
    assert sum(map(len, groups.values())) == 31


def test_a_colour_that_stands_for_no_class_is_named(original_camvid: Path) -> None:
    write_colours(original_camvid / "LabeledApproved_full/Seq05VD_f00000_L.png", [[(161, 2, 3)] * 4])
    with pytest.raises(DataError, match=r"Seq05VD_f00000_L.png holds the colours #a10203, but only"):
        open_dataset(f"camvid:{original_camvid}", "test").read(0)
    dropped = open_dataset(f"camvid:{original_camvid}", "test", "Sky,void=#a10203")
    assert dropped.read(0).labels.tolist() == [[255] * 4]


@pytest.mark.parametrize("split", ["train", "val"])
def test_real_camvid_and_its_lists_agree(split: str) -> None:
    root = SHARED / "camvid"
    if not root.is_dir():
        pytest.skip(f"{root} is not there")
    data = open_dataset(f"camvid:{root}", split)
    assert [entry.id for entry in data.entries] == shipped(f"camvid_{split}")
    assert set(np.unique(data.read(0).labels).tolist()) <= {*range(11), 255}
