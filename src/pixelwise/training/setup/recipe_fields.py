"""The fields of a recipe: everything that decides how a net is trained, as typed plain data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RecipeFields:
    """The settings of a training run, unchecked; see Recipe."""

    name: str
    data: str
    """Data set as KIND:PATH."""
    classes: str | None = None
    """Which classes of the main head, as "background,person,animal=cat+dog"; None takes all there are."""
    heads: tuple[str, ...] = ()
    """Which labels to train on, if the data has several, such as semantic,geometric. The losses of all heads
    are summed; the first head is the main one. Empty: the data set's main head.
    """
    inputs: tuple[str, ...] = ("image",)
    """The net's inputs: image; or bands, all channels of the pictures at their full depth, as in 16-bit, RGBA
    and multispectral files; the papers' nets, on data with these channels, also take image,depth (early
    fusion), hha and, for FCN, image,hha (late fusion).
    """
    train_split: str = "train"
    val_split: str = "val"
    val_data: str | None = None
    """Data set of the val split as KIND:PATH, if it is another one."""
    also: str | None = None
    """A second training set, as KIND:PATH, of which train_split is used; see also_classes."""
    also_classes: str | None = None
    """Maps the classes of `also` to those of `data`, such as "building=building+door+window,car". The loss of
    a pixel of `also` considers these classes only, because others may be unlabelled there. None: equal names.
    """

    net: str = "skip_fcn"
    """"skip_fcn", which the fields from `backbone` to `batch_norm` describe, or a paper's net by its name
    (see `pixelwise models`), which takes few of these fields. A note names those that it ignores.
    """
    padding: str = "same"
    """Padding of the papers' FCNs: "same" (half of each filter) or "release" (100 pixels around the image).
    """
    origin: str = "caffe"
    """Which AlexNet and GoogLeNet: the papers' ("caffe") or "torchvision". Weights of one do not fit the
    other.
    """
    pools: str = "release"
    """The last two poolings of DeepLab: as in the "release" (3x3), or "exact", as in section 3.1."""
    init_from: str | None = None
    """The initial weights: a run folder, the name of a bundled model, an .onnx file of `pixelwise export`, or
    a .safetensors file of import-caffe. Layers that are not in it are newly initialised.
    """
    backbone: str = "efficientnet_lite2"
    """The name of a timm model."""
    backbone_weights: str = "package"
    """"package", "timm", "none" or a file. For papers' nets: "none", "torchvision", a file with torchvision's
    names, or one of import-caffe (AlexNet and GoogLeNet with origin=caffe).
    """
    output_stride: int = 32
    skips: tuple[int, ...] = (16, 8, 4)
    context: int = 128
    """Channels of the context block, 0 for none."""
    rates: tuple[int, ...] = (2, 4)
    """Atrous rates of the context block."""
    hidden: int = 64
    """Channels of the hidden layer of each skip, 0 for none."""
    dropout: float = 0.1
    upsampling: str = "fixed"
    """"fixed" or "learned" bilinear filters between the skips, or, in a paper's FCN, "full": learned filters
    between all classes, as in the paper. The last upsampling is fixed, except with "nonlinear": this is
    "full" with a stack of learned doublings with ReLUs as the last upsampling.
    """

    crf_layer: str | None = None
    """The name of a CRF preset. It adds the dense CRF as the net's last layer, which starts with these
    parameters and is trained with the net. The preset's widths stay fixed. See crf_layer.py.
    """
    batch_norm: str = "frozen"
    """"frozen" (ImageNet's statistics, folded), "train", or "sync" ("train" with statistics over all
    processes).
    """
    freeze_stages: int = 2
    """Number of stages of the backbone that are frozen, with the stem; 0: nothing is frozen. A VGG's stages
    end with a pooling; it has no stem. Batch normalisation in frozen stages keeps its statistics.
    """

    train_side: int = 500
    """Larger training pictures count as reduced to this many pixels on their longer side; see long_side."""
    crop: int = 321
    """Side of the square training crop in pixels; 0: whole pictures, one per batch."""
    scale: tuple[float, float] = (0.6, 1.6)
    mirror: bool = True
    """Half of the training pictures are mirrored, left and right exchanged. The labels keep their classes, so
    set it to false if classes differ only by their side, as left_eye and right_eye do.
    """
    jitter: int | None = None
    """Crops lie at most this many pixels off the middle of a picture, such as FCN's 32; none: anywhere in it.
    """
    colour: float = 0.3
    repeat_rare: float = 0.0
    """A class is rare if its share of the training pictures is below this. Pictures of rare classes are
    repeated in an epoch, sqrt(repeat_rare / share) times on average; 0: never. Source: LVIS, Gupta et al.
    2019.
    """
    paste_rare: float = 0.0
    """The share of samples into which an object of a rare class (see repeat_rare) is pasted from another
    picture, with its labels. For data with one head.
    """
    batch_size: int = 8
    """Pictures per batch and process."""
    accumulate: int = 1
    """Batches per step; loss and gradients of a step are those of one large batch. The losses dice, lovasz
    and ohem judge each batch by itself, and their mean counts; batch_norm=train takes statistics of each.
    """
    steps: int = 5000

    preset: str | None = None
    """The name of a paper's training settings (paper_settings.py). It sets several of the fields below;
    values that are set explicitly override it.
    """
    loss: str = "mean"
    """"mean" over the labelled pixels of a step, or "sum", as in FCN's release."""
    losses: str = "cross_entropy"
    """What is minimised: cross_entropy, focal, dice, lovasz, ohem, or a sum such as
    "cross_entropy+0.5*lovasz" (training/losses/, which also says how to register one).
    """
    loss_sampling: float = 1.0
    """The share of the final layer's cells, chosen at random, that contribute to the loss. Batches grow by
    its inverse; with whole pictures (crop 0), the number of batches does.
    """
    balance_classes: float = 0.0
    """Each pixel's loss has the weight share^-balance_classes, with its class's share of the training pixels.
    0: no weights; 1: all classes count equally; 0.5 lies between and suits rare classes if mean IoU matters.
    """
    balance_by: str = "weights"
    """How classes are balanced: by "weights", or by "sampling", which keeps each pixel with a probability
    proportional to its weight.
    """
    image_labels: str | None = None
    """Learn from labels of whole pictures: of a label file only the classes that it shows count. "em_fixed"
    or "em_adaptive" estimates the labels of pixels in each step (losses/image_labels.py). Class 0 is the
    background. For data with one head.
    """
    optimizer: str = "adamw"
    """"adamw" or "sgd"."""
    learning_rate: float = 3e-4
    """Learning rate of the backbone."""
    head_learning_rate: float = 2e-3
    head_layers: tuple[str, ...] = ()
    """Layers whose names start with one of these learn at head_learning_rate, such as "fc8" in DeepLab's
    paper; none: all layers outside the backbone.
    """
    momentum: float = 0.9
    """SGD's momentum. The accumulated steps include the learning rate, as in Caffe: see optimizer.py."""
    weight_decay: float = 1e-2
    double_bias_rate: bool = False
    """Biases have twice the learning rate, as in FCN."""
    decay_biases: bool = False
    clip: float = 0.0
    """Gradients with a larger norm are clipped to this norm; 0: no clipping."""
    warmup_steps: int = 100
    """Steps in which the learning rates rise to their values. A note says if they are too many."""
    schedule: str = "poly"
    """The learning rate schedule: "poly", (1 - step/steps)^power; "step", times decay_factor every
    decay_every steps; or "fixed".
    """
    power: float = 0.9
    """The exponent of the schedule "poly"."""
    decay_every: int = 2000
    """Steps between two decays of the schedule "step"."""
    decay_factor: float = 0.1
    """The factor of each decay of the schedule "step"."""
    ema: float = 0.998
    """Decay per step of the exponential moving average of the weights, which is evaluated and exported; 0: no
    average.
    """

    long_side: int = 400
    """Images are evaluated, and later segmented, on copies of at most this many pixels per side."""
    enlarge: bool = False
    """Smaller images are enlarged to long_side first, which helps a coarse net to see small objects."""
    evaluate_every: int = 500
    """Steps between evaluations on the val split."""
    patience: int = 0
    """Early stopping after this many evaluations without a better mean IoU; 0: no early stopping."""
    checkpoint_minutes: float = 5.0
    workers: int = 1
    """Processes that prepare samples; 0: the training process itself."""
    seed: int = 0
    deterministic: bool = False
    """On a GPU, use only operations with bit-identical results. On the CPU all operations have them."""
    accelerator: str = "auto"
    """"auto", "cpu", "gpu" or another accelerator of lightning-fabric."""
    precision: str = "float32"
    """"float32", "bfloat16" or "float16", of which the last two keep float32 weights (mixed precision); or
    "auto": bfloat16 where it is faster, see auto_precision.py. lightning-fabric's names, as bf16-mixed, stand
    for the same.
    """
