"""The papers' protocols as tables, each value with the section it is from, and every recipe held to them.

A recipe must have exactly the values of its protocol; fields that a protocol does not name must have the
recipe's default. So no value of a paper's recipe can change without a change here. FCN: Long et al. 2015
(release: their Caffe files). DeepLab: Chen et al. 2015.
"""

import dataclasses

import pytest

from pixelwise import recipes
from pixelwise.data.splits import shipped
from pixelwise.training.recipe import Recipe
from pixelwise.training.stages import Chain

Values = dict[str, object]

DEFAULTS = {
    field.name: field.default
    for field in dataclasses.fields(Recipe)
    if field.default is not dataclasses.MISSING
}
FREE = {"long_side", "evaluate_every", "train_side"}
"""How the nets are judged, and a limit no picture of these data reaches; the papers do not say it."""

SGD: Values = {
    "optimizer": "sgd",  # both papers: SGD with momentum
    "weight_decay": 5e-4,  # FCN 4.3, DeepLab 5
    "decay_biases": False,  # releases: decay_mult 0
    "double_bias_rate": True,  # FCN 4.3; DeepLab release: lr_mult 2
    "warmup_steps": 0,
    "ema": 0.0,  # the last weights are judged
    "freeze_stages": 0,  # FCN 4.3: all layers are tuned; DeepLab 5
    "colour": 0.0,  # no change of colours
    "scale": (1.0, 1.0),  # nor of size
    "losses": "cross_entropy",  # FCN 3, 4.3: multinomial logistic loss; DeepLab 3.1: cross entropy
}
FCN: Values = SGD | {
    "dropout": 0.5,  # FCN 4.3: kept where the classifier has it
    "schedule": "fixed",  # FCN 4.3: fixed learning rates
    "crop": 0,  # FCN 4.3: whole pictures
    "batch_size": 1,
    "mirror": False,  # FCN 4.3: no noticeable improvement
    "padding": "release",  # release: conv1_1 pad 100
    "upsampling": "fixed",  # release: deconvolutions with lr_mult 0
    "backbone_weights": "torchvision",  # FCN 4.1: ImageNet
    "heads": (),
    "inputs": ("image",),
}
ONLINE: Values = FCN | {
    "loss": "sum",  # release: normalize: false
    "accumulate": 1,  # release: batch 1
    "momentum": 0.99,  # release
    "steps": 100_000,  # release: max_iter
}
BATCH20: Values = FCN | {
    "loss": "mean",
    "accumulate": 20,  # FCN 4.3: minibatches of 20
    "momentum": 0.9,  # FCN 4.3
    "steps": 74_400,  # FCN 4.3: at least 175 epochs, of 8,498 pictures in twenties
    "origin": "torchvision",
}
VOC: Values = {
    "data": "sbd:SBD",  # FCN 4.3: 8,498 pictures of Hariharan et al.
    "train_split": "train",
    "val_data": "voc:VOC2012",
    "val_split": "seg11valid",  # FCN 5: the 736 of VOC2011 val that SBD's train set has not
}
CONTEXT: Values = {"val_data": None, "train_split": "train", "val_split": "val"}  # FCN table 6
NYUD: Values = {
    "data": "nyud:NYUDv2",
    "val_data": None,
    "train_split": "trainval",  # FCN table 4: 795 pictures
    "val_split": "test",  # and 654
}
TWO_HEADS: Values = {"val_data": None, "heads": ("semantic", "geometric")}  # FCN table 5
SIFTFLOW = TWO_HEADS | {
    "data": "sift_flow:SiftFlowDataset",
    "train_split": "trainval",  # FCN table 5: 2,488 pictures, two without labels
    "val_split": "test",  # and 200
}
STANFORD = TWO_HEADS | {"data": "stanford_background:iccv09Data", "train_split": "train", "val_split": "val"}
DEEPLAB: Values = SGD | {
    "data": "voc:VOC2012,sbd=SBD",
    "train_split": "train_aug",  # DeepLab 5: 10,582 pictures
    "val_split": "val",  # 1,449
    "val_data": None,
    "pools": "release",  # the published figures are the release's
    "backbone_weights": "torchvision",  # DeepLab 3.1: VGG-16 of ImageNet
    "dropout": 0.5,  # release
    "mirror": True,  # release: mirror: true
    "batch_size": 20,  # DeepLab 5
    "accumulate": 1,
    "learning_rate": 1e-3,  # DeepLab 5
    "head_learning_rate": 1e-2,  # DeepLab 5: of the last layer
    "head_layers": ("fc8",),
    "momentum": 0.9,  # DeepLab 5
    "schedule": "step",  # DeepLab 5: a tenth at every 2,000 iterations
    "decay_every": 2000,
    "decay_factor": 0.1,
    "steps": 6000,  # release: max_iter
    "loss": "mean",  # DeepLab 3.1: the sum of cross entropy; a stated departure
}


def stage(net: str, rate: float, start: str | None = None) -> Values:
    """A net, its rates, and the run that it starts from instead of ImageNet."""
    values: Values = {"net": net, "learning_rate": rate, "head_learning_rate": rate}
    return values if start is None else values | {"init_from": start, "backbone_weights": "none"}


def within(net: str, rate: float) -> Values:
    """A later stage of a chain, whose start the chain gives."""
    return {"net": net, "learning_rate": rate, "head_learning_rate": rate, "backbone_weights": "none"}


def preset(name: str) -> Values:
    return {"preset": name}


R32, R16, R8 = (preset(f"fcn-online-{stride}s") for stride in (32, 16, 8))
S32 = stage("fcn32s-vgg16", 1e-10) | R32  # release
S16 = within("fcn16s-vgg16", 1e-12) | R16  # release
S8 = within("fcn8s-vgg16", 1e-14) | R8  # release
LARGE = DEEPLAB | {"crop": 321}  # release: crop_size 321
SMALL = DEEPLAB | {"crop": 306}  # release: crop_size 306
ALEX = BATCH20 | VOC | preset("fcn-release-alexnet")  # release: rate 1e-4, iter_size 20
GOOG = BATCH20 | VOC | preset("fcn-batch20-googlenet") | {"dropout": 0.4}  # Szegedy et al. 2014: 0.4

FULL: Values = {"upsampling": "full"}  # FCN 3.3, 4.2: learned, bilinear at the start
VOC2011: Values = {
    "data": "voc:VOC2011",
    "train_split": "train",  # FCN 4.3: 1,112 pictures, "used for Table 1"
    "val_data": None,
    "val_split": "val",  # FCN table 1
    "steps": 175 * 1112 // 20,  # FCN 4.3: at least 175 epochs
}
PAPERS: dict[str, Values] = {
    "alexnet": preset("fcn-batch20-alexnet"),
    "vgg16": preset("fcn-batch20-vgg16") | {"origin": "caffe"},  # means nothing for VGG16
    "googlenet": preset("fcn-batch20-googlenet") | {"dropout": 0.4},  # Szegedy et al. 2014
}

PAPER_32S = BATCH20 | VOC | FULL | PAPERS["vgg16"] | stage("fcn32s-vgg16", 1e-4)
PAPER_16S = PAPER_32S | stage("fcn16s-vgg16", 1e-6, "runs/voc_fcn32s_vgg16_batch20")

PROTOCOLS: dict[str, tuple[Values, ...]] = {
    "voc_fcn32s_vgg16": (ONLINE | VOC | S32,),
    "voc_fcn32s_fixed_vgg16": (ONLINE | VOC | S32 | {"net": "fcn32s-fixed-vgg16"},),  # FCN table 2
    "voc_fcn16s_vgg16": (ONLINE | VOC | stage("fcn16s-vgg16", 1e-12, "runs/voc_fcn32s_vgg16") | R16,),
    "voc_fcn8s_vgg16": (ONLINE | VOC | stage("fcn8s-vgg16", 1e-14, "runs/voc_fcn16s_vgg16") | R8,),
    "voc_fcn8s_at_once_vgg16": (
        ONLINE
        | VOC
        | stage("fcn8s-at-once-vgg16", 1e-10)
        | preset("fcn-online-8s-at-once")
        | {"steps": 300_000},  # release
    ),
    "voc_fcn32s_alexnet": (ALEX | stage("fcn32s-alexnet", 1e-4),),
    "voc_fcn16s_alexnet": (ALEX | stage("fcn16s-alexnet", 1e-6, "runs/voc_fcn32s_alexnet"),),  # 4.2: / 100
    "voc_fcn8s_alexnet": (ALEX | stage("fcn8s-alexnet", 1e-8, "runs/voc_fcn16s_alexnet"),),
    "voc_fcn8s_at_once_alexnet": (ALEX | stage("fcn8s-at-once-alexnet", 1e-4),),
    "voc_fcn32s_googlenet": (GOOG | stage("fcn32s-googlenet", 5e-5),),  # FCN 4.3
    "voc_fcn16s_googlenet": (GOOG | stage("fcn16s-googlenet", 5e-7, "runs/voc_fcn32s_googlenet"),),
    "voc_fcn8s_googlenet": (GOOG | stage("fcn8s-googlenet", 5e-9, "runs/voc_fcn16s_googlenet"),),
    "voc_fcn8s_at_once_googlenet": (GOOG | stage("fcn8s-at-once-googlenet", 5e-5),),
    **{
        f"voc_fcn{net}_{backbone}_batch20": (BATCH20 | VOC | FULL | own | PAPERS[backbone],)
        for backbone, rate in (("alexnet", 1e-3), ("vgg16", 1e-4), ("googlenet", 5e-5))  # FCN 4.3
        for net, own in (
            ("32s", stage(f"fcn32s-{backbone}", rate)),
            ("16s", stage(f"fcn16s-{backbone}", rate / 100, f"runs/voc_fcn32s_{backbone}_batch20")),  # 4.2
            ("8s", stage(f"fcn8s-{backbone}", rate / 100 / 100, f"runs/voc_fcn16s_{backbone}_batch20")),
        )
    },
    **{
        f"voc2011_fcn32s_{backbone}": (
            BATCH20 | VOC2011 | FULL | stage(f"fcn32s-{backbone}", rate) | PAPERS[backbone],
        )
        for backbone, rate in (("alexnet", 1e-3), ("vgg16", 1e-4), ("googlenet", 5e-5))  # FCN 4.3
    },
    # FCN 4.2, 4.3, 3.3, 4.1: one change each
    "voc_fcn16s_pool4_only_vgg16": (PAPER_16S | {"net": "fcn16s-pool4-only-vgg16"},),
    "voc_fcn16s_max_vgg16": (PAPER_16S | {"net": "fcn16s-max-vgg16"},),
    "voc_fcn32s_rate_only_vgg16": (PAPER_32S | stage("fcn32s-vgg16", 1e-6, "runs/voc_fcn32s_vgg16_batch20"),),
    "voc_fcn32s_dense_pool5_vgg16": (PAPER_32S | {"net": "fcn32s-dense-pool5-vgg16"},),
    "voc_fcn32s_random_scores_vgg16": (PAPER_32S | {"net": "fcn32s-random-scores-vgg16"},),
    "voc_fcn32s_nonlinear_vgg16": (PAPER_32S | {"upsampling": "nonlinear"},),
    "voc_fcn32s_balanced_vgg16": (PAPER_32S | {"balance_classes": 1.0, "balance_by": "sampling"},),
    "voc_fcn32s_vgg19": (PAPER_32S | {"net": "fcn32s-vgg19"},),
    "nyud_rgb": (ONLINE | NYUD | S32,),
    "nyud_rgbd": (ONLINE | NYUD | S32 | {"inputs": ("image", "depth")},),
    "nyud_hha": (ONLINE | NYUD | S32 | {"inputs": ("hha",)},),
    "nyud_rgb_hha": (ONLINE | NYUD | S32 | {"inputs": ("image", "hha")},),
    "nyud_rgb_hha_16s": (
        ONLINE
        | NYUD
        | stage("fcn16s-vgg16", 1e-12, "runs/nyud_rgb_hha")
        | R16
        | {"inputs": ("image", "hha")},
    ),
    "siftflow_fcn16s": (ONLINE | SIFTFLOW | S32, ONLINE | SIFTFLOW | S16),
    "stanford_background_fcn16s": (ONLINE | STANFORD | S32, ONLINE | STANFORD | S16),
    **{
        f"pascal_context_{classes}": tuple(ONLINE | CONTEXT | own | {"data": data} for own in (S32, S16, S8))
        for classes, data in (
            (59, "pascal_context:PASCAL-Context"),
            (33, "pascal_context:PASCAL-Context,classes=33"),
        )
    },
    "voc_deeplab_base": (SMALL | {"net": "deeplab-base"},),
    "voc_deeplab_4x4": (SMALL | {"net": "deeplab-4x4"},),
    "voc_deeplab_7x7": (SMALL | {"net": "deeplab-7x7"},),
    "voc_deeplab_large_fov": (LARGE | {"net": "deeplab-large-fov"},),
    "voc_deeplab_msc_base": (  # DeepLab 4.3: from the net without, only new weights learn
        SMALL | {"net": "deeplab-msc-base", "init_from": "runs/voc_deeplab_base", "backbone_weights": "none"},
    ),
    "voc_deeplab_large_fov_alexnet": (LARGE | {"net": "deeplab-large-fov-alexnet", "origin": "torchvision"},),
    "voc_deeplab_msc_large_fov": (
        LARGE
        | {
            "net": "deeplab-msc-large-fov",
            "init_from": "runs/voc_deeplab_large_fov",
            "backbone_weights": "none",
        },
    ),
}
for variant in ("base", "7x7", "large_fov", "msc_base", "msc_large_fov"):  # DeepLab table 3: VOC2012 test
    (values,) = PROTOCOLS[f"voc_deeplab_{variant}"]
    begins = {"init_from": f"{values['init_from']}_trainval"} if "init_from" in values else {}
    both = {"train_split": "trainval_aug"}  # DeepLab 5: the test models learn from trainval_aug
    PROTOCOLS[f"voc_deeplab_{variant}_trainval"] = (values | both | begins,)


def stages_of(name: str) -> tuple[Recipe, ...]:
    recipe = recipes.get_recipe(name)
    return recipe.stages if isinstance(recipe, Chain) else (recipe,)


def differences(recipe: Recipe, protocol: Values) -> dict[str, tuple[object, object]]:
    """The fields that differ: what the protocol says and what the recipe has."""
    expected = DEFAULTS | protocol
    found = dataclasses.asdict(recipe)
    return {
        field: (value, found[field])
        for field, value in expected.items()
        if field not in FREE and found[field] != value
    }


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_a_recipe_has_the_values_of_its_paper(name: str) -> None:
    for recipe, protocol in zip(stages_of(name), PROTOCOLS[name], strict=True):
        assert differences(recipe, protocol) == {}, recipe.name


def test_every_recipe_for_the_papers_data_has_a_protocol() -> None:
    others = {"finetune", "finetune_crf", "voc", "street"}
    runs = ("camvid", "voc_short")
    own = {name for name in recipes.recipe_names() if name in others or name.startswith(runs)}
    assert PROTOCOLS.keys() == set(recipes.recipe_names()) - own


PICTURES = {
    "nyud_train nyud_val": 795,  # FCN table 4
    "nyud_test": 654,
    "sift_flow_trainval": 2486,  # FCN table 5: 2,488, two of which have no labels
    "sift_flow_test": 200,
    "voc2012_train_aug": 10_582,  # DeepLab 5
    "voc2012_val": 1449,
    "voc2012_train_aug voc2012_val": 12_031,  # trainval_aug
    "voc2011_seg11valid": 736,  # FCN 5
}


@pytest.mark.parametrize("lists", list(PICTURES))
def test_a_split_has_as_many_pictures_as_its_paper_says(lists: str) -> None:
    ids = [id_ for name in lists.split() for id_ in shipped(name)]
    assert len(set(ids)) == len(ids) == PICTURES[lists]


MUTATIONS = [
    ("voc_fcn32s_vgg16", {"dropout": 0.0}),
    ("voc_fcn32s_vgg16", {"losses": "dice"}),
    ("voc_fcn32s_vgg16", {"double_bias_rate": False}),
    ("voc_fcn32s_vgg16", {"freeze_stages": 2}),
    ("voc_deeplab_msc_large_fov", {"init_from": "runs/voc_deeplab_base"}),
    ("voc_deeplab_large_fov", {"freeze_stages": 2}),
    ("nyud_rgb", {"train_split": "train"}),
    ("voc_fcn16s_vgg16", {"learning_rate": 1e-10}),
    ("voc_fcn8s_vgg16", {"head_learning_rate": 1e-12}),
    ("voc_deeplab_large_fov", {"learning_rate": 1e-1}),
    ("siftflow_fcn16s", {"heads": ("semantic",)}),
    ("pascal_context_59", {"decay_biases": True}),
]


@pytest.mark.parametrize(("name", "change"), MUTATIONS)
def test_a_single_changed_value_is_noticed(name: str, change: dict[str, object]) -> None:
    recipe, protocol = stages_of(name)[0], PROTOCOLS[name][0]
    changed = dataclasses.replace(recipe, **change)  # type: ignore[arg-type]
    assert differences(changed, protocol).keys() == change.keys()
